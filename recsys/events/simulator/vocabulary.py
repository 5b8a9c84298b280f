"""The words of the shop: what it sells, of what, in which style, when and for how much."""

from typing import Final, NamedTuple


class Category(NamedTuple):
    """One shelf: a department and what stands there."""

    name: str
    "Department and shelf, flattened: home/lighting."
    price: float
    "Median price in the shop's currency."
    peak_month: int
    "Month of most interest, 1 to 12."
    swing: float
    "How strong the season is, in logits: at 1.0 interest at the peak is about e times the mean."
    durable: bool
    "True: bought once; False: bought again when it is used up."
    nouns: tuple[str, ...]
    materials: tuple[str, ...]


_WOOD: Final = ("Oak", "Walnut", "Bamboo", "Steel", "Rattan", "Birch")
_CLOTH: Final = ("Cotton", "Linen", "Wool", "Silk", "Denim", "Jersey")
_TECH: Final = ("Aluminium", "Carbon", "Graphite", "Glass", "Titanium", "Bamboo")
_SCENT: Final = ("Lavender", "Citrus", "Cedar", "Rose", "Mint", "Vanilla")

CATEGORIES: Final = (
    Category("home/lighting", 59, 11, 0.5, True,
             ("Floor Lamp", "Table Lamp", "Pendant", "Wall Light", "Lantern", "Reading Light", "String Lights"),
             ("Brass", "Paper", "Glass", "Oak", "Copper", "Linen")),
    Category("home/furniture", 189, 9, 0.2, True,
             ("Armchair", "Bookcase", "Sideboard", "Coffee Table", "Stool", "Bed Frame", "Desk", "Bench"), _WOOD),
    Category("home/textiles", 34, 10, 0.4, True,
             ("Cushion", "Throw", "Curtain", "Rug", "Duvet Cover", "Bath Towel", "Tablecloth"), _CLOTH),
    Category("kitchen/cookware", 44, 12, 0.4, True,
             ("Saucepan", "Frying Pan", "Casserole", "Wok", "Roasting Tin", "Kettle", "Griddle"),
             ("Copper", "Cast-Iron", "Steel", "Enamel", "Ceramic", "Aluminium")),
    Category("kitchen/tableware", 19, 12, 0.5, True,
             ("Mug", "Dinner Plate", "Bowl", "Carafe", "Serving Board", "Teapot", "Wine Glass"),
             ("Stoneware", "Porcelain", "Glass", "Olive-Wood", "Ceramic", "Slate")),
    Category("food/pantry", 8, 12, 0.3, False,
             ("Coffee", "Tea", "Chocolate", "Honey", "Granola", "Olive Oil", "Spice Mix"),
             ("Hazelnut", "Dark", "Organic", "Smoked", "Vanilla", "Orange")),
    Category("fashion/women", 49, 4, 0.4, True,
             ("Dress", "Blouse", "Cardigan", "Skirt", "Coat", "Trousers", "Scarf"), _CLOTH),
    Category("fashion/men", 45, 10, 0.3, True,
             ("Shirt", "Jacket", "Jumper", "Chinos", "Overcoat", "Polo", "Waistcoat"), _CLOTH),
    Category("fashion/shoes", 79, 3, 0.3, True,
             ("Sneaker", "Boot", "Loafer", "Sandal", "Ankle Boot", "Slipper"),
             ("Leather", "Suede", "Canvas", "Nubuck", "Felt", "Cork")),
    Category("garden/plants", 16, 5, 1.3, False,
             ("Fern", "Herb Set", "Rose Bush", "Olive Tree", "Seed Box", "Succulent", "Climber"),
             ("Potted", "Hardy", "Dwarf", "Evergreen", "Scented", "Wild")),
    Category("garden/outdoor", 69, 6, 1.4, True,
             ("Lounger", "Parasol", "Fire Bowl", "Planter", "Hammock", "Picnic Table", "Bird House"),
             ("Teak", "Steel", "Rattan", "Canvas", "Acacia", "Terracotta")),
    Category("sport/cycling", 54, 5, 0.9, True,
             ("Helmet", "Saddle", "Pannier", "Bike Light", "Pump", "Jersey", "Lock"), _TECH),
    Category("toys/games", 24, 12, 1.2, True,
             ("Puzzle", "Board Game", "Building Set", "Train Set", "Doll", "Card Game", "Kite"),
             ("Wooden", "Felt", "Magnetic", "Cardboard", "Cotton", "Birch")),
    Category("beauty/care", 14, 12, 0.3, False,
             ("Hand Cream", "Shampoo", "Soap", "Body Oil", "Face Mask", "Bath Salt", "Candle"), _SCENT),
    Category("electronics/audio", 99, 11, 0.6, True,
             ("Headphones", "Speaker", "Turntable", "Radio", "Earbuds", "Soundbar", "Microphone"), _TECH),
    Category("electronics/gadgets", 39, 12, 0.7, True,
             ("Smart Watch", "Power Bank", "Keyboard", "Webcam", "Tracker", "Alarm Clock", "Dock"), _TECH),
    Category("office/stationery", 12, 9, 0.8, False,
             ("Notebook", "Fountain Pen", "Planner", "Desk Tidy", "Pencil Set", "Card Set", "Folder"),
             ("Leather", "Recycled", "Linen", "Kraft", "Brass", "Cork")),
    Category("sport/outdoor", 84, 7, 0.9, True,
             ("Backpack", "Tent", "Sleeping Bag", "Flask", "Head Torch", "Trekking Pole", "Camp Stove"), _TECH),
    Category("pets/dogs", 22, 11, 0.2, False,
             ("Lead", "Bed", "Chew Toy", "Bowl", "Treats", "Coat", "Brush"),
             ("Cotton", "Leather", "Rubber", "Wool", "Hemp", "Bamboo")),
    Category("baby/nursery", 29, 3, 0.2, True,
             ("Blanket", "Mobile", "Sleepsuit", "Rattle", "Play Mat", "Night Light", "Bib Set"), _CLOTH),
)  # fmt: skip
"""The first ``ShopParams.categories`` of these are sold."""

ADJECTIVES: Final = (
    "Rustic", "Minimal", "Vintage", "Modern", "Nordic", "Bold", "Classic", "Playful", "Elegant", "Industrial",
    "Coastal", "Botanical", "Retro", "Compact", "Handmade", "Everyday", "Luxe", "Quiet", "Bright", "Earthy",
)  # fmt: skip
"""The style of an item; style and taste live in the same space, so a title says something about who wants it."""

_ONSETS: Final = ("b", "d", "f", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v")
_VOWELS: Final = ("a", "e", "i", "o", "u", "ä")
_SYLLABLES: Final = tuple(onset + vowel for vowel in _VOWELS for onset in _ONSETS)


def model_name(number: int) -> str:
    """A made-up, pronounceable name, another one for every number from 0: at least two syllables."""
    base = len(_SYLLABLES)
    rest, last = divmod(number, base)
    name = _SYLLABLES[last]
    while rest >= base:
        rest, last = divmod(rest, base)
        name += _SYLLABLES[last]
    return (name + _SYLLABLES[rest]).capitalize()
