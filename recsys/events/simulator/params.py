"""What kind of shop is simulated."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from recsys.events.simulator.vocabulary import CATEGORIES
from recsys.types import Frozen

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class ShopParams(Frozen):
    """Size and character of a simulated shop. Equal parameters give equal events, for ever."""

    seed: NonNegativeInt = 7
    "Another seed is another shop of the same kind."
    users: PositiveInt = 3000
    "Customers on any one day; each leaves in time and a new one takes the place."
    items: PositiveInt = 1200
    "Items in the catalogue on any one day, those out of stock included; each is withdrawn in time and replaced."
    categories: Annotated[int, Field(ge=1, le=len(CATEGORIES))] = 14
    "How many categories the items belong to."
    sessions_per_user: PositiveFloat = 0.8
    "Mean sessions of a customer per ordinary day; the most active have many times as much."
    views_per_session: Annotated[float, Field(ge=1.0, le=20.0)] = 7.0
    "Mean views of a browsing session."
    cart_share: Share = 0.08
    "Carts per view."
    purchase_share: Share = 0.03
    "Purchases per view, those of durable things that the customer has already not counted; each has its cart."
    taste: NonNegativeFloat = 4.0
    "How far taste outweighs popularity, in logits per unit of similarity; 0: everyone wants the same."
    popularity_exponent: NonNegativeFloat = 1.1
    "Steepness of popularity: the item of rank r is wanted about r to the power of minus this."

    @model_validator(mode="after")
    def _every_purchase_has_its_cart(self) -> "ShopParams":
        if self.cart_share < self.purchase_share:
            raise ValueError(
                f"cart_share: found {self.cart_share}, expected at least purchase_share ({self.purchase_share}), "
                "as nothing is bought that was not in a cart"
            )
        return self
