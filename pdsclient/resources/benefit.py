"""Operations under ``/v2/benefit``."""

from __future__ import annotations

from pdsclient.models.benefit import (
    BenefitMapping,
    BenefitMappings,
    CreateBenefitMappingRequest,
    GetBenefitMappingRequest,
    ListBenefitMappingRequest,
    UpdateBenefitMappingRequest,
)
from pdsclient.operations import Nested, Op, Resource

__all__ = ["BenefitResource", "IdentityToBenefitPkgMappingResource"]


class IdentityToBenefitPkgMappingResource(Resource):
    """``client.benefit.identity_to_benefit_pkg_mapping``: packages that users have."""

    create = Op(
        "/benefit/identity_to_benefit_pkg_mapping/create", CreateBenefitMappingRequest, None
    )
    get = Op(
        "/benefit/identity_to_benefit_pkg_mapping/get", GetBenefitMappingRequest, BenefitMapping
    )
    list = Op(
        "/benefit/identity_to_benefit_pkg_mapping/list", ListBenefitMappingRequest, BenefitMappings
    )
    update = Op(
        "/benefit/identity_to_benefit_pkg_mapping/update", UpdateBenefitMappingRequest, None
    )


class BenefitResource(Resource):
    """``client.benefit``: packages of services."""

    identity_to_benefit_pkg_mapping = Nested(IdentityToBenefitPkgMappingResource)
