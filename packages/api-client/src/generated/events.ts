/** Generated from the API's schemas by `npm run api:types`; do not edit. */
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        State: {
            /** Format: uuid */
            driverId: string;
            availability: {
                availability: components["schemas"]["Availability"];
                /** Format: date-time */
                until: string | null;
                reason: string | null;
                pending: components["schemas"]["PendingAvailability"];
            };
            /** @description The live offer, as in DELIVERY_OFFERED_V2 */
            offer: {
                /** Format: uuid */
                offerId: string;
                /** Format: uuid */
                deliveryId: string;
                /** Format: uuid */
                driverId: string;
                /** Format: date-time */
                expiresAt: string;
                offerPayload: components["schemas"]["OfferPayload"];
            } | null;
            deliveries: {
                /** Format: uuid */
                deliveryId: string;
                /** Format: uuid */
                assignmentId: string;
                way: components["schemas"]["AssignmentWay"];
                status: components["schemas"]["DeliveryStatus"];
                stops: components["schemas"]["CarriedStop"][];
            }[];
            /** @description All stops that are left, of all deliveries, in the order to take them */
            route: components["schemas"]["RouteStop"][];
        };
        /** @enum {string} */
        Availability: "AVAILABLE" | "BUSY" | "OFFLINE" | "ON_BREAK" | "PAUSED" | "SHIFT_ENDED";
        /** @description The state that begins when the current work ends */
        PendingAvailability: {
            /** @enum {string} */
            kind: "BREAK";
            minutes: number;
            reason: string | null;
        } | {
            /** @enum {string} */
            kind: "PAUSE";
            minutes: number | null;
            reason: string | null;
        } | {
            /** @enum {string} */
            kind: "SHIFT_END";
        } | {
            /** @enum {string} */
            kind: "OFFLINE";
            /**
             * @description The driver was lost, and goes offline unless they do something; absent: they asked for it
             * @enum {string}
             */
            reason?: "FELL_SILENT" | "NO_PROGRESS";
        } | null;
        /** @description The delivery as shown to the driver */
        OfferPayload: {
            /** @description ISO 4217 */
            currency: string;
            /** @description Name of the shop */
            merchant: string;
            /** @enum {string} */
            parcelSize: "SMALL" | "MEDIUM" | "LARGE" | "XLARGE";
            /** @description Distance from pickup to drop-off */
            distanceMeters: number;
            /** Format: date-time */
            readyAt: string;
            pickup: {
                address: string;
                point: components["schemas"]["Point"];
                notes: string | null;
            };
            dropoff: {
                address: string;
                point: components["schemas"]["Point"];
            };
            /** @description Pay of the driver, including the bonus, in minor units */
            payCents: number;
            /** @description payCents as people of the city read it; absent in offers of release 2.1.0 */
            payText?: string;
            /** @description Distance from the driver to the pickup */
            toPickupMeters: number;
            /**
             * Format: uuid
             * @description It is the next job, after this delivery of theirs; absent: it is not
             */
            afterDeliveryId?: string;
            trip?: components["schemas"]["OfferTrip"];
        };
        /** @description WGS 84, in degrees */
        Point: {
            lat: number;
            lng: number;
        };
        /** @description The offer is for several deliveries, and the answer to it is for all of them. Only apps with an offerVersion of 3 or more get such offers */
        OfferTrip: {
            /** Format: uuid */
            tripId: string;
            /** @description All that one answer takes, in the order of dropoffs */
            deliveryIds: string[];
            /** @description All stops in the order of the route */
            stops: components["schemas"]["TripStop"][];
            /** @description The pay for all of it, with bonuses, in minor units */
            payCents: number;
            /** @description payCents as people of the city read it */
            payText: string;
        };
        TripStop: {
            /** Format: uuid */
            deliveryId: string;
            /** @enum {string} */
            kind: "PICKUP" | "DROPOFF";
            address: string;
            point: components["schemas"]["Point"];
            notes: string | null;
            /**
             * Format: date-time
             * @description When the goods are ready; null at a dropoff
             */
            readyAt: string | null;
            /**
             * Format: date-time
             * @description When the parcel is expected to change hands
             */
            expectedAt: string;
        };
        /**
         * @description HANDOVER: the driver takes the goods over from another driver
         * @enum {string}
         */
        AssignmentWay: "OFFER" | "V1" | "MANUAL" | "HANDOVER";
        /** @enum {string} */
        DeliveryStatus: "PENDING" | "SEARCHING" | "OFFERED" | "ASSIGNED" | "AT_PICKUP" | "PICKED_UP" | "AT_DROPOFF" | "DELIVERED" | "CANCELLED" | "FAILED" | "RETURNING" | "RETURNED";
        /** @description Stops are in route order. HANDOVER: the meeting point with the previous driver. Later versions may add kinds; ignore unknown ones */
        CarriedStop: {
            /** @enum {string} */
            kind: "PICKUP" | "DROPOFF";
            address: string;
            point: components["schemas"]["Point"];
            contactName: string | null;
            contactPhone: string | null;
            /** @description The number to call; null: unknown */
            contactPhoneE164: string | null;
            notes: string | null;
        } | {
            /** @enum {string} */
            kind: "HANDOVER";
            address: string | null;
            point: components["schemas"]["Point"];
        };
        /** @description RETURN: the goods go back to the shop. Later versions may add kinds; ignore unknown ones */
        RouteStop: {
            /** Format: uuid */
            deliveryId: string;
            /** @enum {string} */
            kind: "PICKUP" | "HANDOVER" | "DROPOFF" | "RETURN";
            address: string | null;
            point: components["schemas"]["Point"];
            /**
             * Format: date-time
             * @description When the driver is expected there, by estimated travel times
             */
            expectedAt: string;
            /** @description The driver has arrived there */
            isBegun: boolean;
        };
        /** @description An offer to this driver, open until it expires */
        Offer: {
            /** Format: uuid */
            offerId: string;
            /** Format: uuid */
            deliveryId: string;
            /** Format: uuid */
            driverId: string;
            /** Format: date-time */
            expiresAt: string;
            offerPayload: components["schemas"]["OfferPayload"];
        };
        OfferEnd: {
            /** Format: uuid */
            offerId: string;
            /** Format: uuid */
            deliveryId: string;
            /** Format: uuid */
            driverId: string;
            /** @enum {string} */
            state: "ACCEPTED" | "REJECTED" | "EXPIRED" | "WITHDRAWN";
            reason: string | null;
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        AssignedV1: {
            /** Format: uuid */
            deliveryId: string;
            /** Format: uuid */
            driverId: string;
        };
        Assigned: {
            /** Format: uuid */
            deliveryId: string;
            /** Format: uuid */
            driverId: string;
            /** Format: uuid */
            assignmentId: string;
            way: components["schemas"]["AssignmentWay"];
            /** @description Meeting point for the goods; null: at the pickup, or at their current place */
            meeting: {
                point: components["schemas"]["Point"];
                address: string | null;
            } | null;
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        AssignmentEnd: {
            /** Format: uuid */
            deliveryId: string;
            /** Format: uuid */
            driverId: string;
            reason: string;
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        PayRaised: {
            /** Format: uuid */
            deliveryId: string;
            /** Format: uuid */
            driverId: string;
            /** @description Total pay, including the bonus, in minor units */
            payCents: number;
            /** @description ISO 4217 */
            currency?: string;
            /** @description payCents as people of the city read it */
            payText?: string;
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        OrderChanged: {
            /** Format: uuid */
            deliveryId: string;
            /** Format: uuid */
            driverId: string;
            /** @description What changed: `dropoff.address`, `pickup.notes`, `readyAt` and the like */
            fields: string[];
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        StepOverdue: {
            /** Format: uuid */
            deliveryId: string;
            /** Format: uuid */
            driverId: string;
            status: components["schemas"]["DeliveryStatus"];
            /**
             * Format: date-time
             * @description When the stage should have been over
             */
            dueAt: string;
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        AvailabilityChanged: {
            /** Format: uuid */
            driverId: string;
            availability: components["schemas"]["Availability"];
            /**
             * Format: date-time
             * @description When the state ends automatically; null: it does not
             */
            until: string | null;
            reason: string;
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        DeliveryChange: {
            /** Format: uuid */
            deliveryId: string;
            sellerOrderId: string;
            status: components["schemas"]["DeliveryStatus"];
            /** Format: uuid */
            driverId: string | null;
            /** @enum {string|null} */
            reasonCode: "MERCHANT_CANCELLED" | "CUSTOMER_CANCELLED" | "OPS_CANCELLED" | "NO_DRIVER" | "MERCHANT_CLOSED" | "MERCHANT_NOT_READY" | "NOT_AT_HOME" | "WRONG_ADDRESS" | "REFUSED" | "DAMAGED" | "VEHICLE_BREAKDOWN" | "OTHER" | null;
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        DeliveryDelayed: {
            /** Format: uuid */
            deliveryId: string;
            sellerOrderId: string;
            /**
             * @description NO_DRIVER: the search for a driver is taking long. WINDOW_AT_RISK: it is not expected within its window. Absent in events of release 2.1.0
             * @enum {string}
             */
            why?: "NO_DRIVER" | "WINDOW_AT_RISK";
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        OfferMade: {
            /** Format: uuid */
            offerId: string;
            /** Format: uuid */
            deliveryId: string;
            /** Format: uuid */
            driverId: string;
            /** Format: date-time */
            expiresAt: string;
            /** @enum {string} */
            kind: "SINGLE" | "BROADCAST";
        };
        EscalationChanged: {
            /** Format: uuid */
            escalationId: string;
            /** Format: uuid */
            deliveryId: string;
            level: number;
            /** @enum {string} */
            state: "OPEN" | "ACKNOWLEDGED" | "RESOLVED";
            /** @enum {string} */
            reason: "UNASSIGNED" | "REASSIGNMENT_OFF" | "PINNED_DRIVER_LOST" | "PINNED_DRIVER_SILENT" | "PINNED_DRIVER_STANDS_STILL" | "DRIVER_AT_PICKUP_SILENT" | "CARRIER_SILENT" | "CARRIER_BROKE_DOWN" | "CARRIER_GAVE_UP" | "CARRIER_OVERDUE" | "GOODS_IN_HAND" | "WINDOW_AT_RISK" | "CARRIER_SUSPENDED" | "DRIVER_SUSPENDED" | "MERCHANT_SUSPENDED";
            /** Format: uuid */
            driverId: string | null;
            /** @enum {string|null} */
            resolution: "ASSIGNED" | "CLOSED" | "SEARCH_RESUMED" | "SEARCH_POSTPONED" | "STEP_TAKEN" | "HANDED_OVER" | "RELEASED" | "HEARD_AGAIN" | "BY_OPS" | null;
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        FeatureChanged: {
            /** @enum {string} */
            feature: "driver_offers" | "availability_states" | "escalation" | "auto_reassignment" | "eta" | "batch_matching";
            /** @description Null: the setting of the environment applies */
            enabled: boolean | null;
            percent: number | null;
            /** @description Null: all cities */
            cities: string[] | null;
        };
        ZoneHealthChanged: {
            cityId: string;
            /** @description Null: the area outside all zones */
            zoneId: string | null;
            /** @enum {string} */
            state: "OK" | "STRAINED" | "CRITICAL";
            /** @enum {string} */
            before: "OK" | "STRAINED" | "CRITICAL";
            reasons: {
                /** @enum {string} */
                code: "LEVEL_3" | "WAITING_VERY_LONG" | "NO_FREE_DRIVERS" | "LEVEL_2" | "LEVEL_1" | "WAITING_LONG" | "DRIVERS_SHORT" | "ACCEPTANCE_LOW" | "CASES_MANY";
                words: string;
            }[];
            /** Format: date-time */
            computedAt: string;
        };
        OrdersStopChanged: {
            cityId: string;
            /** @description Null: the whole city */
            zoneId: string | null;
            /** @description Null: this stop is over. A stop of the city holds in its zones, whatever theirs is */
            stop: {
                cityId: string;
                /** @description Null: the whole city */
                zoneId: string | null;
                /** @enum {string} */
                reason: "TOO_FEW_DRIVERS" | "WEATHER" | "EVENT" | "DISRUPTION" | "OTHER";
                /**
                 * Format: date-time
                 * @description When orders are taken again, unless ops end or change it
                 */
                until: string;
            } | null;
            /**
             * Format: date-time
             * @description When it happened
             */
            at: string;
        };
        OpsState: {
            /** @description Open ones, newest first */
            deliveries: components["schemas"]["OpsDelivery"][];
            /** @description There are more than these: read them over HTTP */
            hasMoreDeliveries: boolean;
            /** @description Unresolved cases, the highest level first, then the oldest */
            cases: components["schemas"]["EscalationChanged"][];
            /** @description There are more than these: read them over HTTP */
            hasMoreCases: boolean;
            /**
             * Format: date-time
             * @description When it was read; a later event is newer
             */
            at: string;
        };
        OpsDelivery: {
            /** Format: uuid */
            deliveryId: string;
            sellerOrderId: string;
            status: components["schemas"]["DeliveryStatus"];
            /** Format: uuid */
            driverId: string | null;
            /** @enum {string|null} */
            reasonCode: "MERCHANT_CANCELLED" | "CUSTOMER_CANCELLED" | "OPS_CANCELLED" | "NO_DRIVER" | "MERCHANT_CLOSED" | "MERCHANT_NOT_READY" | "NOT_AT_HOME" | "WRONG_ADDRESS" | "REFUSED" | "DAMAGED" | "VEHICLE_BREAKDOWN" | "OTHER" | null;
            /**
             * Format: date-time
             * @description Since when merchant and customer know
             */
            delayedSince: string | null;
            /**
             * Format: date-time
             * @description Since when it has this status
             */
            at: string;
            cityId: string;
            merchantId: string;
            escalationLevel: number;
        };
        MerchantState: {
            merchantId: string;
            /** @description Open ones, newest first */
            deliveries: components["schemas"]["MerchantDelivery"][];
            /** @description There are more than these: read them over HTTP */
            hasMoreDeliveries: boolean;
            /** @description Closed in the last day, newest first */
            closed: components["schemas"]["MerchantDelivery"][];
            /** @description There are more than these: read them over HTTP */
            hasMoreClosed: boolean;
            /** @description Zones and cities that take no orders now */
            ordersStopped: components["schemas"]["OrdersStop"][];
            /**
             * Format: date-time
             * @description When it was read; a later event is newer
             */
            at: string;
        };
        /** @description SEARCHING also while a driver is asked */
        MerchantDelivery: {
            /** Format: uuid */
            deliveryId: string;
            sellerOrderId: string;
            status: components["schemas"]["DeliveryStatus"];
            /** Format: uuid */
            driverId: string | null;
            /** @enum {string|null} */
            reasonCode: "MERCHANT_CANCELLED" | "CUSTOMER_CANCELLED" | "OPS_CANCELLED" | "NO_DRIVER" | "MERCHANT_CLOSED" | "MERCHANT_NOT_READY" | "NOT_AT_HOME" | "WRONG_ADDRESS" | "REFUSED" | "DAMAGED" | "VEHICLE_BREAKDOWN" | "OTHER" | null;
            /**
             * Format: date-time
             * @description Since when merchant and customer know
             */
            delayedSince: string | null;
            /**
             * Format: date-time
             * @description Since when it has this status
             */
            at: string;
        };
        OrdersStop: {
            cityId: string;
            /** @description Null: the whole city */
            zoneId: string | null;
            /** @enum {string} */
            reason: "TOO_FEW_DRIVERS" | "WEATHER" | "EVENT" | "DISRUPTION" | "OTHER";
            /**
             * Format: date-time
             * @description When orders are taken again, unless ops end or change it
             */
            until: string;
        };
        Tracking: {
            /** Format: uuid */
            deliveryId: string;
            sellerOrderId: string;
            /**
             * @description SEARCHING also while a driver is asked
             * @enum {string}
             */
            status: "PENDING" | "SEARCHING" | "OFFERED" | "ASSIGNED" | "AT_PICKUP" | "PICKED_UP" | "AT_DROPOFF" | "DELIVERED" | "CANCELLED" | "FAILED" | "RETURNING" | "RETURNED";
            /**
             * @description Why it was cancelled or failed
             * @enum {string|null}
             */
            reason: "NO_DRIVER" | "MERCHANT_CANCELLED" | "CUSTOMER_CANCELLED" | "NOT_AT_HOME" | "WRONG_ADDRESS" | "REFUSED" | "OTHER" | null;
            /**
             * Format: date-time
             * @description Since when it is known to be late
             */
            delayedSince: string | null;
            /**
             * Format: date-time
             * @description Since when it has this status
             */
            at: string;
        };
        /** @description Send SESSION_REFRESH with a new token before then */
        SessionExpiring: {
            /**
             * Format: date-time
             * @description When the connection ends
             */
            expiresAt: string;
        };
        OfferSeen: {
            /** Format: uuid */
            offerId: string;
        };
        Noted: {
            /** @description False: recorded before, or not an offer to this driver */
            noted: boolean;
        };
        /** @description A new token of the same subject */
        SessionRefresh: {
            token: string;
        };
        SessionRefreshed: {
            refreshed: boolean;
            /**
             * Format: date-time
             * @description When the connection ends now
             */
            expiresAt: string | null;
            /**
             * @description Why it was refused; the connection goes on until its old token ends
             * @enum {string|null}
             */
            code: "UNAUTHORIZED" | "OTHER_SUBJECT" | "TOO_MANY_CONNECTIONS" | "UNAVAILABLE" | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
/** The bodies of events, by audience. */
export interface EventsByAudience {
    driver: {
        STATE: components["schemas"]["State"];
        DELIVERY_OFFERED_V2: components["schemas"]["Offer"];
        OFFER_EXPIRED: components["schemas"]["OfferEnd"];
        OFFER_WITHDRAWN: components["schemas"]["OfferEnd"];
        DELIVERY_ASSIGNED: components["schemas"]["AssignedV1"];
        DELIVERY_ASSIGNED_V2: components["schemas"]["Assigned"];
        DELIVERY_UNASSIGNED: components["schemas"]["AssignmentEnd"];
        DELIVERY_CANCELLED: components["schemas"]["AssignmentEnd"];
        PAY_RAISED: components["schemas"]["PayRaised"];
        ORDER_CHANGED: components["schemas"]["OrderChanged"];
        STEP_OVERDUE: components["schemas"]["StepOverdue"];
        AVAILABILITY_CHANGED: components["schemas"]["AvailabilityChanged"];
        SESSION_EXPIRING: components["schemas"]["SessionExpiring"];
    };
    ops: {
        AVAILABILITY_CHANGED: components["schemas"]["AvailabilityChanged"];
        delivery_created: components["schemas"]["DeliveryChange"];
        delivery_changed: components["schemas"]["DeliveryChange"];
        offer_created: components["schemas"]["OfferMade"];
        offer_accepted: components["schemas"]["OfferEnd"];
        offer_rejected: components["schemas"]["OfferEnd"];
        offer_expired: components["schemas"]["OfferEnd"];
        offer_withdrawn: components["schemas"]["OfferEnd"];
        escalation_changed: components["schemas"]["EscalationChanged"];
        FEATURE_CHANGED: components["schemas"]["FeatureChanged"];
        zone_health_changed: components["schemas"]["ZoneHealthChanged"];
        orders_stop_changed: components["schemas"]["OrdersStopChanged"];
        OPS_STATE: components["schemas"]["OpsState"];
        SESSION_EXPIRING: components["schemas"]["SessionExpiring"];
    };
    merchant: {
        delivery_created: components["schemas"]["DeliveryChange"];
        delivery_changed: components["schemas"]["DeliveryChange"];
        delivery_delayed: components["schemas"]["DeliveryDelayed"];
        orders_stop_changed: components["schemas"]["OrdersStopChanged"];
        MERCHANT_STATE: components["schemas"]["MerchantState"];
        SESSION_EXPIRING: components["schemas"]["SessionExpiring"];
    };
    tracking: {
        delivery_delayed: components["schemas"]["DeliveryDelayed"];
        TRACKING_STATE: components["schemas"]["Tracking"];
        tracking_changed: components["schemas"]["Tracking"];
        SESSION_EXPIRING: components["schemas"]["SessionExpiring"];
    };
}
/** What clients of each audience may send. */
export interface MessagesByAudience {
    driver: {
        OFFER_SEEN: (body: components["schemas"]["OfferSeen"], acknowledge: (reply: components["schemas"]["Noted"]) => void) => void;
        SESSION_REFRESH: (body: components["schemas"]["SessionRefresh"], acknowledge: (reply: components["schemas"]["SessionRefreshed"]) => void) => void;
    };
    ops: {
        SESSION_REFRESH: (body: components["schemas"]["SessionRefresh"], acknowledge: (reply: components["schemas"]["SessionRefreshed"]) => void) => void;
    };
    merchant: {
        SESSION_REFRESH: (body: components["schemas"]["SessionRefresh"], acknowledge: (reply: components["schemas"]["SessionRefreshed"]) => void) => void;
    };
    tracking: {
        SESSION_REFRESH: (body: components["schemas"]["SessionRefresh"], acknowledge: (reply: components["schemas"]["SessionRefreshed"]) => void) => void;
    };
}
