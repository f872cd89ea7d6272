"""Operations under ``/v2/domain``."""

from __future__ import annotations

from pdsclient.models.domain import (
    CapacityOrder,
    CreateDomainRequest,
    CreateOrderRequest,
    DeleteDomainRequest,
    Domain,
    DomainPage,
    DomainQuota,
    GetDomainQuotaRequest,
    GetDomainRequest,
    ListDomainsRequest,
    OrderPrice,
    QueryOrderPriceRequest,
    SearchDomainsRequest,
    UpdateDomainRequest,
)
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["DomainResource"]


class DomainResource(Resource):
    """``client.domain``: domains, and orders of capacity."""

    create = Op("/domain/create", CreateDomainRequest, Domain)
    create_order = Op("/domain/create_order", CreateOrderRequest, CapacityOrder)
    delete = Op("/domain/delete", DeleteDomainRequest, None)
    get = Op("/domain/get", GetDomainRequest, Domain)
    get_quota = Op("/domain/get_quota", GetDomainQuotaRequest, DomainQuota)
    list = PagedOp("/domain/list", ListDomainsRequest, DomainPage)
    query_order_price = Op("/domain/query_order_price", QueryOrderPriceRequest, OrderPrice)
    search = PagedOp("/domain/search", SearchDomainsRequest, DomainPage)
    update = Op("/domain/update", UpdateDomainRequest, Domain)
