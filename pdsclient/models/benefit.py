"""Packages of services that users have: replies and requests of ``client.benefit``."""

from __future__ import annotations

from datetime import datetime

from pdsclient.models._base import Model, listed
from pdsclient.models._request import Part, Request, optional, request, required
from pdsclient.models._rules import (
    COUNT,
    FLAG,
    ID,
    TEXT,
    USER_ID,
)
from pdsclient.models._service_rules import Millis

__all__ = [
    "BenefitMapping",
    "BenefitMappings",
    "BenefitPkgDeliveryInfo",
    "CreateBenefitMappingRequest",
    "GetBenefitMappingRequest",
    "ListBenefitMappingRequest",
    "UpdateBenefitMappingRequest",
]


class BenefitPkgDeliveryInfo(Model, frozen=True, kw_only=True):
    """One time that a user was given a package."""

    amount: int | None = None
    """How many."""
    created_at: datetime | None = None
    """When."""
    expire_time: datetime | None = None
    """Until when, if it is not for ever."""
    is_permanent: bool | None = None
    """It is for ever."""


class BenefitMapping(Model, frozen=True, kw_only=True):
    """A package that a user has."""

    benefit_pkg_computation_rule: str | None = None
    """How several of a resource package count: ``sum``, ``max`` or ``min``."""
    benefit_pkg_id: str | None = None
    """The package."""
    benefit_pkg_name: str | None = None
    """Its name."""
    benefit_pkg_owner_id: str | None = None
    """Whose package it is."""
    benefit_pkg_priority: int | None = None
    """The lower one wins."""
    benefit_pkg_type: str | None = None
    """``user_identity`` or ``user_resource``."""
    created_at: datetime | None = None
    """When the user first got it."""
    delivery_info_list: list[BenefitPkgDeliveryInfo] = listed()
    """Every time that the user was given it."""
    identity_id: str | None = None
    """The user."""
    identity_type: str | None = None
    """It is user for users."""
    updated_at: datetime | None = None
    """When this was last changed."""


class BenefitMappings(Model, frozen=True, kw_only=True):
    """All packages that a user has."""

    items: list[BenefitMapping] = listed()
    """The packages."""


@request
class _OfIdentity(Part):
    identity_id: str = required(USER_ID, "The user.")
    identity_type: str = required(TEXT, "It is user for users.")


@request
class ListBenefitMappingRequest(_OfIdentity, Request):
    """All packages that a user has."""

    include_expired: bool | None = optional(FLAG, "Also those that have ended.")


@request
class GetBenefitMappingRequest(_OfIdentity, Request):
    """A package that a user has."""

    benefit_pkg_id: str = required(ID, "The package.")


@request
class CreateBenefitMappingRequest(GetBenefitMappingRequest):
    """Gives a package to a user."""

    amount: int | None = optional(COUNT, "How many, of a resource package; 1 if left out.")
    expire_time: datetime | str | int | None = optional(
        Millis(), "Until when; for ever if left out."
    )


@request
class UpdateBenefitMappingRequest(CreateBenefitMappingRequest):
    """Changes a package that a user has."""
