/** The package has no types. We read only untyped families: plain samples. */
declare module 'parse-prometheus-text-format' {
  type Family = {
    name: string;
    metrics: readonly { value?: string; labels?: Readonly<Record<string, string>> }[];
  };
  function parsePrometheusTextFormat(text: string): readonly Family[];
  export = parsePrometheusTextFormat;
}
