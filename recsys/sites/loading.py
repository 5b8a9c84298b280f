"""Reads a site's YAML; reports every fault at once, with line and key."""

from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from recsys.errors import ConfigError, UnknownSiteError
from recsys.sites.config import SiteConfig
from recsys.types import SiteId

Location = tuple[str | int, ...]


def site_ids(sites_dir: Path) -> list[SiteId]:
    """The sites that have a YAML in ``sites_dir``, sorted; empty where the folder is absent."""
    return sorted(path.stem for path in sites_dir.glob("*.yaml"))


def load_site(sites_dir: Path, site: SiteId) -> SiteConfig:
    """The configuration of one site.

    Raises:
        UnknownSiteError: there is no YAML of that name.
        ConfigError: the YAML is malformed; every fault is listed with its line and key.
    """
    path = sites_dir / f"{site}.yaml"
    if site not in site_ids(sites_dir):
        raise UnknownSiteError(
            f"unknown site {site!r}; known here: {', '.join(site_ids(sites_dir)) or 'none'}. "
            "Add one with: recsys sites add NAME --from DIR"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{path}: found bytes that are not UTF-8 ({fault.reason}); save the file as UTF-8") from None
    config = parse_site(text, name=str(path))
    if config.site != site:
        raise ConfigError(f"{path}: found site: {config.site!r}, expected {site!r}; a file is named after its site")
    return config


def parse_site(text: str, *, name: str) -> SiteConfig:
    """``text`` as a SiteConfig; ``name`` is what error messages call it."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise ConfigError(f"{name}: not valid YAML: {' '.join(str(fault).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{name}: found {type(content).__name__}, expected a mapping with keys such as site, source")
    lines, repeated = _key_lines(node)
    faults = [f"  line {line}: {key}: this key stands twice; keep one" for key, line in repeated]
    config: SiteConfig | None = None
    try:
        config = SiteConfig.model_validate(content)
    except ValidationError as invalid:
        faults += [
            _describe(error["loc"], error["msg"], lines) for error in invalid.errors() if not _echoes(error, invalid)
        ]
    if faults or config is None:
        raise ConfigError(f"{name}: {len(faults)} fault{'s' * (len(faults) != 1)}\n" + "\n".join(faults))
    return config


def _echoes(error: ErrorDetails, invalid: ValidationError) -> bool:
    """Whether a list seems too short only because its items have faults, which are told already."""
    deeper = (other["loc"] for other in invalid.errors() if len(other["loc"]) > len(error["loc"]))
    return error["type"] == "too_short" and any(loc[: len(error["loc"])] == error["loc"] for loc in deeper)


def _describe(location: Location, message: str, lines: dict[Location, int]) -> str:
    known = location
    while known and known not in lines:
        known = known[:-1]
    where = f"line {lines.get(known, 1)}"
    return f"  {where}: {'.'.join(map(str, location)) or '(whole file)'}: {message}"


def _key_lines(node: yaml.Node | None) -> tuple[dict[Location, int], list[tuple[str, int]]]:
    """Line (from 1) of every key, and the keys that stand twice in one mapping."""
    lines: dict[Location, int] = {}
    repeated: list[tuple[str, int]] = []

    def visit(part: yaml.Node | None, at: Location) -> None:
        if isinstance(part, yaml.MappingNode):
            for key, value in part.value:
                here = (*at, key.value)
                line = key.start_mark.line + 1
                if here in lines:
                    repeated.append((".".join(map(str, here)), line))
                lines[here] = line
                visit(value, here)
        elif isinstance(part, yaml.SequenceNode):
            for position, value in enumerate(part.value):
                here = (*at, position)
                lines[here] = value.start_mark.line + 1
                visit(value, here)

    visit(node, ())
    return lines, repeated
