"""The OpenAPI document, and that responses have its fields."""

import json
import re
from typing import Any

import pytest

from gateway.options import OPTIONS
from gateway.quality_warnings import QUALITY_WARNINGS
from tests.unit.gateway.app_client import STREAM, events_of, running

pytestmark = pytest.mark.unit


async def test_the_api_describes_itself() -> None:
    async with running() as each:
        schema = (await each.client.get("/openapi.json")).json()
    content = schema["paths"]["/v1/services"]["get"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/Services"}
    post = schema["paths"]["/vitons"]["post"]
    form = post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image", "cloth"]
    assert form["properties"]["format"]["enum"] == ["png", "jpeg", "webp"]
    assert form["properties"]["category"]["enum"] == ["auto", "upper", "lower", "dress"]
    assert [each["name"] for each in post["parameters"]] == [option.name for option in OPTIONS]
    assert set(post["responses"]["200"]["content"]) == {
        "image/png",
        "image/jpeg",
        "image/webp",
        "application/json",
        "text/event-stream",
    }
    headers = set(post["responses"]["200"]["headers"])
    assert {"X-TryOn-Warnings", "X-TryOn-Confidence", "X-TryOn-Category"} <= headers
    types = schema["components"]["schemas"]

    def named(reference: dict[str, str], name: str) -> Any:
        assert reference["$ref"] == f"#/components/schemas/{name}"
        return types[name]["properties"] if "properties" in types[name] else types[name]

    result = named(post["responses"]["200"]["content"]["application/json"]["schema"], "TryOnResult")
    codes = [each.code for each in QUALITY_WARNINGS]
    warning = named(result["warnings"]["items"], "QualityWarning")
    assert warning.keys() == {"code", "message"}
    assert named(warning["code"], "WarningCode")["enum"] == codes
    assert named(result["timings"], "StageTimings")["additionalProperties"] == {"type": "number"}
    for status in ("400", "406", "408", "413", "415", "422", "500", "503", "504"):
        content = post["responses"][status]["content"]
        problem = named(content["application/problem+json"]["schema"], "ProblemDetails")
        assert "code" in problem
    stream = post["responses"]["200"]["content"]["text/event-stream"]["itemSchema"]["oneOf"]
    data_types = {
        each["properties"]["event"]["const"]: each["properties"]["data"]["contentSchema"]["$ref"]
        for each in stream
    }
    assert {name: reference.rpartition("/")[2] for name, reference in data_types.items()} == {
        "pipeline": "PipelineEvent",
        "stage": "StageEvent",
        "result": "TryOnResult",
        "error": "ProblemDetails",
    }
    references = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(schema)))
    assert references <= types.keys()


async def test_responses_have_the_fields_that_the_document_names() -> None:
    async with running() as each:
        types = (await each.client.get("/openapi.json")).json()["components"]["schemas"]
        result = (await each.post(headers={"Accept": "application/json"})).json()
        (_, pipeline), (_, stage), *_ = events_of((await each.post(headers=STREAM)).text)
        problem = (await each.post(person=b"hello")).json()
    for name, sent in (
        ("TryOnResult", result),
        ("QualityWarning", result["warnings"][0]),
        ("PipelineEvent", pipeline),
        ("StageDescription", pipeline["stages"][0]),
        ("StageEvent", stage),
        ("ProblemDetails", problem),
    ):
        assert sent.keys() == types[name]["properties"].keys() == set(types[name]["required"]), name
