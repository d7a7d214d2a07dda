import { v7 as newId } from 'uuid';
import { deliveryWorkflowId } from '../../workflows/contract';
import type { Connections } from '../../simulator/client/connections';
import { type MerchantClient, type OpsClient, requireSuccess } from '../../simulator/client/service';

export type QuietOrder = { deliveryId: string; workflowId: string };

const CITY = { name: 'Quiet', timezone: 'UTC', currency: 'EUR', center: { lat: 60, lng: 5 } };

/** A city with a merchant but no drivers: its orders are searched for until they are cancelled. */
export class QuietCity {
  private constructor(
    private readonly ids: { cityId: string; merchantId: string },
    private readonly ops: OpsClient,
    private readonly merchant: MerchantClient,
  ) {}

  static async open(connections: Connections): Promise<QuietCity> {
    const ids = { cityId: `quiet-${newId()}`, merchantId: `quiet-shop-${newId()}` };
    const ops = await connections.ops('upgrade');
    requireSuccess('a city', await ops.putCity({ ...CITY, cityId: ids.cityId }));
    requireSuccess('a shop', await ops.putMerchant({ merchantId: ids.merchantId, name: 'A shop' }));
    return new QuietCity(ids, ops, await connections.merchant(ids.merchantId));
  }

  async order(sellerOrderId: string): Promise<QuietOrder> {
    const { cityId, merchantId } = this.ids;
    const place = { address: 'Somewhere 1', point: CITY.center };
    const { deliveryId } = requireSuccess(
      'an order',
      await this.merchant.post({
        sellerOrderId,
        cityId,
        pickup: place,
        dropoff: place,
        readyAt: null,
        parcelSize: 'SMALL',
        feeCents: 500,
      }),
    );
    return { deliveryId, workflowId: deliveryWorkflowId(merchantId, sellerOrderId) };
  }

  async cancel({ deliveryId }: QuietOrder): Promise<void> {
    requireSuccess('the cancel', await this.ops.cancel(deliveryId, 'OPS_CANCELLED'));
  }
}
