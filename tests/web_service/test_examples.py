"""The API's document shows an example of everything, and each is what the document says it must be."""

from functools import cached_property

import jsonschema
import pytest

from recsys.testing.throwaway import settings_in
from web_service.app import create_app


class Document:
    """The OpenAPI document, and where its examples are."""

    def __init__(self, app):
        self.content = app.openapi()

    @cached_property
    def operations(self):
        return {
            f"{method.upper()} {path}": operation
            for path, methods in self.content["paths"].items()
            for method, operation in methods.items()
        }

    def check(self, example, schema):
        jsonschema.validate(example, {**schema, "components": self.content["components"]})

    def schema(self, schema):
        """What a reference, or one that may be null, is of."""
        for other in schema.get("anyOf", []):
            if "$ref" in other:
                schema = other
        return self.content["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return Document(create_app(settings_in(tmp_path_factory.mktemp("nothing"))))


def test_every_parameter_has_an_example_of_its_kind(document):
    for name, operation in document.operations.items():
        for parameter in operation.get("parameters", []):
            examples = parameter["schema"].get("examples")
            assert examples, f"{name}: {parameter['name']}"
            for example in examples:
                document.check(example, parameter["schema"])


def test_every_body_has_an_example_of_its_kind(document):
    for name, operation in document.operations.items():
        for media in operation.get("requestBody", {}).get("content", {}).values():
            given = [example["value"] for example in media.get("examples", {}).values()]
            fields = document.schema(media["schema"]).get("properties", {})
            made = {field: schema["examples"][0] for field, schema in fields.items() if "examples" in schema}
            assert given or made, name
            for example in given or [made]:
                document.check(example, media["schema"])


def test_every_answer_has_an_example_of_its_kind(document):
    for name, operation in document.operations.items():
        for status, response in operation["responses"].items():
            media = response.get("content", {}).get("application/json")
            if status.startswith("2") and media is not None:
                assert "example" in media, f"{name}: web_service/examples.py has none"
                document.check(media["example"], media["schema"])
