"""Domains and the orders of capacity: replies and requests of ``client.domain``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pdsclient.models._base import Model, Page, listed
from pdsclient.models._request import Part, PartOf, Request, optional, request, required
from pdsclient.models._rules import (
    COUNT,
    DESCRIPTION,
    FLAG,
    ID,
    TEXT,
    Choice,
    ListOf,
    Names,
    Whole,
)
from pdsclient.models._shared import Paged

__all__ = [
    "AppAccessStrategy",
    "AppAccessStrategyPart",
    "CapacityOrder",
    "CreateDomainRequest",
    "CreateOrderRequest",
    "DeleteDomainRequest",
    "Domain",
    "DomainPage",
    "DomainQuota",
    "GetDomainQuotaRequest",
    "GetDomainRequest",
    "ListDomainsRequest",
    "OrderPrice",
    "QueryOrderPriceRequest",
    "SearchDomainsRequest",
    "UpdateDomainRequest",
]

StoreRedundancyType: TypeAlias = Literal["LRS", "ZRS"]

_DRIVE_SIZE = Whole(-1, 2**63 - 1)
_QUOTA = Whole(0, 2**63 - 1)


class AppAccessStrategy(Model, frozen=True, kw_only=True):
    """Which of the published applications may be used."""

    effect: str | None = None
    """What holds for an application in general: ``allow`` or ``deny``."""
    except_app_id_list: list[str] = listed()
    """Applications that the opposite holds for."""


class Domain(Model, frozen=True, kw_only=True):
    """A domain: users, drives and files apart from those of others."""

    created_at: datetime | None = None
    """When it was created."""
    data_hash_name: str | None = None
    """Hash that its files are known by, such as ``sha1``."""
    description: str | None = None
    """Free text."""
    domain_id: str | None = None
    """Its identifier."""
    domain_name: str | None = None
    """Its name."""
    init_drive_enable: bool | None = None
    """Users get a default drive at their first login."""
    init_drive_size: int | None = None
    """Bytes that fit into it; -1 is no limit, with 0 nothing can be uploaded."""
    parent_domain_id: str | None = None
    """The domain above."""
    published_app_access_strategy: AppAccessStrategy | None = None
    """Which of the published applications may be used."""
    sharable: bool | None = None
    """Files can be shared."""
    size_quota: int | None = None
    """Bytes that fit in; 0 is no limit."""
    size_quota_used: int | None = None
    """Bytes that its drives have been given."""
    status: int | None = None
    """1 running, 2 being created, 6 expired."""
    store_redundancy_type: str | None = None
    """``LRS`` keeps the copies of data in one zone, ``ZRS`` in several."""
    updated_at: datetime | None = None
    """When it was last changed."""
    used_size: int | None = None
    """Bytes in use."""
    user_count_quota: int | None = None
    """Most users; 0 is no limit."""


class DomainPage(Page[Domain], frozen=True, kw_only=True):
    """A page of domains."""


class DomainQuota(Model, frozen=True, kw_only=True):
    """How big the domain may get, and is."""

    size_quota: int | None = None
    """Bytes that fit in; 0 is no limit."""
    size_used: int | None = None
    """Bytes in use."""
    user_count_quota: int | None = None
    """Most users; 0 is no limit."""
    user_count_used: int | None = None
    """Number of users."""


class CapacityOrder(Model, frozen=True, kw_only=True):
    """An order of capacity."""

    instance_id: str | None = None
    """What was ordered for."""
    order_id: str | None = None
    """Its number."""


class OrderPrice(Model, frozen=True, kw_only=True):
    """What an order of capacity would cost."""

    discount_price: float | None = None
    """What is taken off."""
    original_price: float | None = None
    """The price without that."""
    trade_price: float | None = None
    """What is to be paid."""


@request
class AppAccessStrategyPart(Part):
    """Which of the published applications may be used."""

    effect: Literal["allow", "deny"] | None = optional(
        Choice(Literal["allow", "deny"]), "What holds in general; deny if left out."
    )
    except_app_id_list: Sequence[str] | None = optional(
        ListOf(ID, most=1000), "Applications that the opposite holds for."
    )


@request
class GetDomainQuotaRequest(Request):
    """How big the caller's domain may get, and is."""


@request
class ListDomainsRequest(Paged, Request):
    """The domains of the account."""

    parent_domain_id: str | None = optional(ID, "Only domains below this one.")
    service_code: str | None = optional(ID, "Only domains of this service.")


@request
class SearchDomainsRequest(Paged, Request):
    """The domains whose name is like a text."""

    name: str | None = optional(TEXT, "What the name is like.")
    order_by: Literal["created_at"] | None = optional(Choice(Literal["created_at"]), "Sort key.")


@request
class DeleteDomainRequest(Request):
    """Deletes a domain with everything in it."""

    domain_id: str | None = optional(ID, "The domain.")


@request
class GetDomainRequest(Request):
    """A domain."""

    domain_id: str = required(ID, "The domain.")
    fields: Sequence[str] | str | None = optional(Names(), "Further fields to tell.")
    get_quota_used: bool | None = optional(FLAG, "Have size_quota_used filled in.")


@request
class _DomainFields(Part):
    description: str | None = optional(DESCRIPTION, "Free text.")
    init_drive_enable: bool | None = optional(
        FLAG, "Give users a default drive at their first login; off if left out."
    )
    init_drive_size: int | None = optional(
        _DRIVE_SIZE, "Bytes that fit into it; -1 is no limit, with 0 nothing can be uploaded."
    )
    size_quota: int | None = optional(_QUOTA, "Bytes that fit in; 0 is no limit.")
    user_count_quota: int | None = optional(_QUOTA, "Most users; 0 is no limit.")


@request
class CreateDomainRequest(_DomainFields, Request):
    """A new domain."""

    domain_name: str = required(TEXT, "Its name.")
    parent_domain_id: str | None = optional(ID, "The domain to lie below.")
    store_redundancy_type: StoreRedundancyType | None = optional(
        Choice(StoreRedundancyType), "Keep the copies of data in one zone, or in several."
    )


@request
class UpdateDomainRequest(_DomainFields, Request):
    """Changes what is given of a domain."""

    domain_id: str = required(ID, "The domain.")
    domain_name: str | None = optional(TEXT, "Its new name.")
    published_app_access_strategy: AppAccessStrategyPart | Mapping[str, Any] | None = optional(
        PartOf(AppAccessStrategyPart), "Which of the published applications may be used."
    )


@request
class QueryOrderPriceRequest(Request):
    """What capacity would cost; nothing is ordered."""

    code: str = required(TEXT, "Product.")
    instance_id: str = required(ID, "What to order for.")
    order_type: str = required(TEXT, "Kind of order.")
    package: str = required(TEXT, "Package.")
    period: int = required(COUNT, "For how long, in units of period_unit.")
    period_unit: str = required(TEXT, "Unit of time.")
    total_size: int = required(COUNT, "Capacity to have.")
    user_count: int = required(COUNT, "Number of users to have.")


@request
class CreateOrderRequest(QueryOrderPriceRequest):
    """Orders capacity, which costs money."""

    auto_pay: bool | None = optional(FLAG, "Pay at once.")
    auto_renew: bool | None = optional(FLAG, "Renew it when it ends.")
