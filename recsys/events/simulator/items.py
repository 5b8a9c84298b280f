"""The items: what each is for ever, and what it costs and whether it is in stock on a day."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import polars as pl

from recsys.events.simulator.keyed import Bools, Floats, Ints, Keyed, unit
from recsys.events.simulator.params import ShopParams
from recsys.events.simulator.tenancy import Tenancy
from recsys.events.simulator.vocabulary import ADJECTIVES, CATEGORIES, model_name

DIMS = 8
"""Dimensions of the space in which tastes and items lie."""

MOST_WORDS = len(ADJECTIVES)
"""No list of words is longer."""

PRICE_SPREAD = 0.45
"""Standard deviation of the logarithm of prices within a category."""

SHORTEST_LIFE, LONGEST_LIFE = 120, 1500
"""Days in the catalogue."""

STOCK_CYCLE, STOCK_OUT_SHARE = 40, 0.25
"""Once in so many days an item may run out, for 1 to 8 days; share of cycles in which it does."""

PRICE_CYCLE, SALE_SHARE = 60, 0.35
"""A price holds for so many days; share of those spells that end in a sale of 7 to 16 days."""


@dataclass(frozen=True)
class Items:
    """Some items, by number. Arrays have one row per item, in the order of ``number``."""

    dice: Keyed
    categories: int
    number: Ints

    def __getitem__(self, chosen: Ints | Bools) -> "Items":
        return Items(self.dice, self.categories, self.number[chosen])

    @cached_property
    def category(self) -> Ints:
        """Index into CATEGORIES; the first ones are somewhat larger."""
        edges = np.cumsum(1.0 / np.sqrt(1.0 + np.arange(self.categories)))
        return np.searchsorted(edges / edges[-1], self.dice.uniform("item.category", self.number)).astype(np.int64)

    @cached_property
    def vector(self) -> Floats:
        """Where the item lies in the space of tastes, (items, DIMS), length one. Its words say most of it."""
        words = 0.6 * word_places(self.dice, "noun")[self.category, self._noun]
        words += 0.7 * word_places(self.dice, "adjective")[0, self._adjective]
        words += 0.4 * word_places(self.dice, "material")[self.category, self._material]
        return unit(words + 0.5 * self.dice.direction("item.own", self.number, dims=DIMS))

    @cached_property
    def luck(self) -> Floats:
        """Where the item stands among its like in popularity, in (0, 1); towards 0 is the most wanted."""
        return self.dice.uniform("item.luck", self.number)

    @cached_property
    def price_level(self) -> Floats:
        """How dear the item is for its category, in standard deviations."""
        return 0.5 * word_prices(self.dice)[self.category, self._noun] + 0.85 * self.dice.normal(
            "item.price", self.number
        )

    @cached_property
    def durable(self) -> Bools:
        return np.array([category.durable for category in CATEGORIES])[self.category]

    def price(self, day: int) -> Floats:
        """The price on ``day`` in the shop's currency, ending in .99 or .49; sales included."""
        median = np.array([category.price for category in CATEGORIES])[self.category]
        spell, age = self._cycle("price", PRICE_CYCLE, day)
        drift = 0.04 * self.dice.normal("price.drift", self.number, spell)
        sale_days = 7 + np.floor(10 * self.dice.uniform("price.sale_days", self.number, spell))
        on_sale = (self.dice.uniform("price.sale", self.number, spell) < SALE_SHARE) & (PRICE_CYCLE - age <= sale_days)
        rebate = np.ceil(8 * self.dice.uniform("price.rebate", self.number, spell)) * 0.05
        full = median * np.exp(PRICE_SPREAD * self.price_level + drift) * np.where(on_sale, 1.0 - rebate, 1.0)
        return np.maximum(np.where(full < 20, np.round(full * 2) / 2, np.round(full)) - 0.01, 0.49).round(2)

    def in_stock(self, day: int) -> Bools:
        """Whether the item, if it is in the catalogue, can be bought on ``day``."""
        cycle, age = self._cycle("stock", STOCK_CYCLE, day)
        runs_out = self.dice.uniform("stock.out", self.number, cycle) < STOCK_OUT_SHARE
        return ~runs_out | (age >= np.ceil(8 * self.dice.uniform("stock.days", self.number, cycle)))

    def ids(self) -> pl.Series:
        return item_ids(self.number)

    def titles(self) -> list[str]:
        """Style, material, thing and a name of its own: "Nordic Oak Armchair Mivo". No two items share one."""
        rows = zip(self._adjective, self._material, self._noun, self.category, self.number, strict=True)
        return [
            f"{ADJECTIVES[adjective]} {CATEGORIES[shelf].materials[material]} {CATEGORIES[shelf].nouns[noun]} "
            f"{model_name(int(number))}"
            for adjective, material, noun, shelf, number in rows
        ]

    def category_names(self) -> list[str]:
        return [CATEGORIES[shelf].name for shelf in self.category]

    @cached_property
    def _noun(self) -> Ints:
        return self._word("item.noun", [len(category.nouns) for category in CATEGORIES])

    @cached_property
    def _material(self) -> Ints:
        return self._word("item.material", [len(category.materials) for category in CATEGORIES])

    @cached_property
    def _adjective(self) -> Ints:
        return self._word("item.adjective", [len(ADJECTIVES)] * len(CATEGORIES))

    def _word(self, name: str, words: list[int]) -> Ints:
        drawn = self.dice.uniform(name, self.number) * np.array(words)[self.category]
        word: Ints = np.floor(drawn).astype(np.int64)
        return word

    def _cycle(self, name: str, length: int, day: int) -> tuple[Ints, Ints]:
        """The item's own cycle that ``day`` falls in, and how many days of it have passed."""
        phase = (length * self.dice.uniform(f"{name}.phase", self.number)).astype(np.int64)
        cycle, age = np.divmod(day + phase, length)
        return cycle, age


@lru_cache(maxsize=32)
def word_places(dice: Keyed, kind: str) -> Floats:
    """Where each word of a kind lies in the space of tastes, (categories, MOST_WORDS, DIMS)."""
    shelf, word, dim = np.ogrid[: len(CATEGORIES), :MOST_WORDS, :DIMS]
    return unit(dice.normal(f"word.{kind}", shelf, word, dim))


@lru_cache(maxsize=8)
def word_prices(dice: Keyed) -> Floats:
    """How dear the things of a noun are for their category, in standard deviations, (categories, MOST_WORDS)."""
    shelf, word = np.ogrid[: len(CATEGORIES), :MOST_WORDS]
    return dice.normal("word.price", shelf, word)


@lru_cache(maxsize=8)
def item_tenancy(params: ShopParams, dice: Keyed) -> Tenancy:
    """Which items are in the catalogue when."""
    return Tenancy(dice, "item", params.items, SHORTEST_LIFE, LONGEST_LIFE)


def item_ids(number: Ints) -> pl.Series:
    """``i0012345`` for each number; no column name."""
    return "i" + pl.Series(number).cast(pl.String).str.zfill(7)
