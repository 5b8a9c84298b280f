import pytest

from recsys.candidates.als import AlsParams
from recsys.candidates.registry import KINDS, build_generators
from recsys.errors import ConfigError
from recsys.sites.config import ComponentSpec, SiteConfig


def test_the_default_of_a_site_can_be_built():
    default = SiteConfig.model_fields["candidates"].default
    assert [generator.name for generator in build_generators(default)] == [spec.kind for spec in default]


def test_params_reach_the_generator():
    (als,) = build_generators([ComponentSpec(kind="als", params={"embedding_size": 8})])
    assert als.params == AlsParams(embedding_size=8)


def test_all_faults_are_named_at_once():
    specs = [
        ComponentSpec(kind="magic"),
        ComponentSpec(kind="als", params={"factors": 9, "reg": -1}),
        ComponentSpec(kind="ease"),
        ComponentSpec(kind="ease"),
    ]
    with pytest.raises(ConfigError) as refusal:
        build_generators(specs)
    said = str(refusal.value)
    for part in (
        "'magic'",
        ", ".join(KINDS),
        "als.factors",
        "embedding_size",
        "als.reg",
        "ease: stands 2",
    ):
        assert part in said
