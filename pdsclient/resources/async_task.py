"""Operations under ``/v2/async_task``."""

from __future__ import annotations

from pdsclient.models.async_task import AsyncTask, GetAsyncTaskRequest
from pdsclient.operations import Op, Resource

__all__ = ["AsyncTaskResource"]


class AsyncTaskResource(Resource):
    """``client.async_task``: work that goes on after the reply."""

    get = Op("/async_task/get", GetAsyncTaskRequest, AsyncTask)
