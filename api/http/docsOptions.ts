/** How Swagger UI shows the API. */
export const DOCS_OPTIONS = {
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  validatorUrl: null,
};
