/**
 * Every resource of both APIs that is synchronised by sequence number, as the descriptions of version 2026v1 have it. One
 * line each: path, model, fields that identify a record, scope, calls a second / burst, page size parameter with its
 * maximum (`!`: required), and of the endpoint that tells the maximum sequence number: path, scope, calls (`=`: the usual
 * path, the same scope, the same calls; a path that begins with `/` stands for itself; `-`: none). Then `partner` where
 * records belong to partners and show only once there is a connection, and the other query parameters.
 */

export const SUPPLIER_RESOURCES = `
additional-services/sync AdditionalService additionalServiceId catalog:read 3.4/1000 limit = = = - -
base-items/sync BaseItem baseItemId catalog:read 3.4/1000 limitResult:1000 = = = - -
batches/mutations/sync BatchMutation batchMutationId fulfillment:read 3.4/1000 limitResult:1000 = = - - -
batches/sync Batch batchId fulfillment:read 3.4/1000 limitResult:1000 = = - - -
blanket-orders/sync BlanketOrder blanketOrderId contract:read 3.4/1000 limitResult:1000 = = = - -
bundled-offers/sync BundledOffer bundledOfferId supply:read 3.4/1000 limitResult:1000 = = = - -
clock-presales-supply-lines/sync ClockPresalesSupplyLine supplyLineId supply:read - limitResult:1000 = = 3.4/1000 - -
clock-supply-lines/sync ClockSupplyLine supplyLineId supply:read 3.4/1000 limitResult:1000 = = = - -
collections/sync Collection collectionId catalog:read 3.4/1000 limitResult:1000 = = = - -
commercial-service-types/sync CommercialServiceType commercialServiceTypeId catalog:read 3.4/1000 limit = = = - -
connections/sync Connection customerOrganizationId network:read 3.4/1000 limitResult:1000 = = = - -
contract-trade-item-groups/sync ContractTradeItemGroup contractTradeItemGroupId contract:read 3.4/1000 limit:1000 = = = - -
contracts/sync Contract contractId contract:read 3.4/1000 limitResult:100 = = = - -
custom-packages/sync CustomPackage customPackageId catalog:read 3.4/1000 limit = = = - -
customer-offers/sync CustomerOffer customerOfferId supply:read 3.4/1000 limitResult:1000 = = = - -
customer-stickers/sync CustomerSticker stickerId sticker:read - limitResult:1000 = = = - -
delivery-condition-sets/sync DeliveryConditionSet deliveryConditionSetId delivery-conditions:read 3.4/1000 limitResult:100 = = = - -
delivery-locations/sync DeliveryLocation locationId organization:read 1/200 limitResult:1000 = = 2/200 partner -
delivery-orders/sync DeliveryOrder deliveryOrderId fulfillment:read 3.4/1000 limitResult:1000 = supply:read = - -
fulfillment-orders/inbound/sync FulfillmentOrderInbound fulfillmentOrderId fulfillment:read - limitResult:1000 - - = - -
fulfillment-orders/sync FulfillmentOrder fulfillmentOrderId fulfillment:read 3.4/1000 limitResult:1000 = supply:read = - -
logistic-means/invoice-status/sync LogisticMeansInvoiceStatus invoiceLineId fulfillment:read 3.4/1000 limitResult:1000 = = = - -
order-requests/sync OrderRequest orderRequestId sales-order:read 2/200 limitResult:1000 = = - - -
organizations/sync Organization organizationId organization:read 2/200 limitResult:1000 = = - - -
packing-configuration-requests/sync PackingConfigurationRequest packingConfigurationRequestId catalog:read 2/200 limitResult:1000 = = - - -
price-groups/sync PriceGroup priceGroupId supply:read 3.4/1000 limit = = = - -
sales-order-correction-requests/sync SalesOrderCorrectionRequest salesOrderCorrectionRequestId sales-order:read 3.4/1000 limitResult:1000 = = = - -
sales-orders/invoice-status/sync InvoiceLine invoiceLineId sales-order:read 3.4/1000 limitResult:1000 = = = - -
sales-orders/sync SalesOrder salesOrderId sales-order:read 3.4/1000 limitResult:1000 = = - - -
sales-strategies/sync SalesStrategy salesStrategyId clock-supply:read 3.4/1000 limitResult:1000 sync/max-sequence-number = = - -
supply-lines/sync SupplyLine supplyLineId supply:read 3.4/1000 limitResult:1000 = = = - -
supply-requests/sync SupplyRequest supplyRequestId supply:read 2/200 limitResult:1000 = = - - -
track-and-trace/scans/sync TrackAndTraceScan scanId fulfillment:read 3.4/1000 limitResult:1000 = = - - -
trade-item-requests/sync TradeItemRequest tradeItemRequestId catalog:read 2/200 limitResult:1000 = = - - -
trade-items/availabilities-per-week/sync TradeItemAvailabilityPerWeek tradeItemId+year+week supply:read 3.4/1000 limit:1000! = = - - -
trade-items/availabilities/sync TradeItemAvailability tradeItemId supply:read - limit = = = - -
trade-items/sync TradeItem tradeItemId catalog:read 2/200 limitResult:1000 = = - - -
trade-settings/customer/sync CustomerTradeSettings customerOrganizationId network:read 3.4/1000 limitResult:1000 max-sequence = - - -
warehouses/sync Warehouse warehouseId organization:read 2/200 limitResult:1000 = = = - -
`;

export const CUSTOMER_RESOURCES = `
additional-services/sync AdditionalService additionalServiceId catalog:read 3.4/1000 limit:1000 = = = partner supplierOrganizationId
advance-shipping-notices/sync FulfillmentOrder fulfillmentOrderId fulfillment:read 3.4/1000 limit:1000 = network:read = - -
auction/clock-presales-supply/sync ClockPresalesSupplyLine supplyLineId supply:read 3.4/1000 limit:1000 max-sequence-number = = partner postFilterConnections
catalog-requests/packing-configuration-requests/sync PackingConfigurationRequest packingConfigurationRequestId catalog:read 3.4/1000 limit:1000 = = = - -
catalog-requests/trade-item-requests/sync TradeItemRequest tradeItemRequestId catalog:read 3.4/1000 limit:1000 = = = - -
commercial-service-types/sync CommercialServiceType commercialServiceTypeId catalog:read 3.4/1000 limit:1000 = = = - -
connections/sync Connection supplierOrganizationId network:read 3.4/1000 limit:1000 = = = - -
contract-trade-item-groups/sync ContractTradeItemGroup contractTradeItemGroupId contract:read 3.4/1000 limit:1000 = = = partner supplierOrganizationId!
contracts/blanket-order/sync BlanketOrder blanketOrderId contract:read 3.4/1000 limit:1000 = = = - -
contracts/sync Contract contractId contract:read 3.4/1000 limit:100 = = = - -
custom-packages/sync CustomPackage customPackageId catalog:read 3.4/1000 limit:1000 = = = - -
customer-stickers/sync CustomerSticker stickerId sticker:read 3.4/1000 limit:1000 = = = - -
delivery-conditions/sync DeliveryConditionSet deliveryConditionSetId delivery-conditions:read 3.4/1000 limit:1000 = = = partner supplierOrganizationId
invoice-lines/sync InvoiceLine invoiceLineId sales-order:read 3.4/1000 limit:1000 = = = - -
logistic-means/invoice-status/sync LogisticMeansInvoiceStatus invoiceLineId fulfillment:read 3.4/1000 limitResult:1000 = = = - -
organizations/sync OrganizationDetails organizationId organization:read 3.4/1000 limit:1000 = = = - organizationType
purchase-orders/sync PurchaseOrder purchaseOrderId purchase-order:read 3.4/1000 limit:1000 = = = - -
sales-order-correction-requests/sync SalesOrderCorrectionRequest salesOrderCorrectionRequestId sales-order:read 3.4/1000 limitResult:1000 = = = - -
sales-orders/sync SalesOrder salesOrderId sales-order:read 3.4/1000 limit:1000 = = = - -
selected-trade-items/sync SelectedTradeItem tradeItemId network:read 3.4/1000 limit:1000 = = = - -
sub-customer-sales-orders/sync SubCustomerSalesOrder salesOrderId sales-order:read 3.4/1000 limit:1000 = = = - -
supply-lines/sync SupplyLine supplyLineId supply:read 3.4/1000 limit:1000 = = = partner supplierOrganizationId,tradeItemId,postFilterSelectedTradeItems
supply-lines/sync/custom CustomSyncSupplyLine supplyLineId supply:read 3.4/1000 limit:1000 /supply-lines/sync/custom/current-max-sequence = = partner -
supply-requests/sync SupplyRequest supplyRequestId supply:read 3.4/1000 limit:1000 = = = - -
trade-item-group-selections/sync TradeItemGroupSelectionHeader tradeItemGroupSelectionId network:read 3.4/1000 limit:1000 = = = - -
trade-item-group-selections/trade-items/sync TradeItemGroupSelectionTradeItem tradeItemGroupSelectionId+tradeItemId network:read 3.4/1000 limit:1000 = = = - -
trade-items/sync TradeItem tradeItemId catalog:read 3.4/1000 limit:1000 = = = partner supplierOrganizationId,postFilterSelectedTradeItems,postFilterSelectedTradeItemPackingConfigurations,postFilterVariantsOfSelectedParentTradeItems
trade-settings/supplier/sync SupplierTradeSettings supplierOrganizationId network:read 3.4/1000 limitResult:1000 max-sequence = - - -
warehouses/sync Warehouse warehouseId organization:read 3.4/1000 limit:1000 = = = partner supplierOrganizationId
`;
