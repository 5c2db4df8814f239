"""Invented names: of people, products and authors. Any likeness is a coincidence of combination."""

from __future__ import annotations

FIRST_NAMES = (
    "Ada", "Aiko", "Alba", "Alma", "Amir", "Anna", "Arjun", "Aya", "Ben", "Bianca", "Carla", "Chloé", "Clara",
    "Dana", "David", "Diego", "Elena", "Eli", "Emma", "Enzo", "Eva", "Farah", "Felix", "Fiona", "Gabriel",
    "Greta", "Hana", "Hugo", "Ida", "Ines", "Iris", "Ivan", "Jan", "Jana", "João", "José", "Julia", "Kai",
    "Karin", "Kenji", "Lara", "Lea", "Leo", "Lina", "Luca", "Lucía", "Maja", "Marco", "Maria", "Marta",
    "Mateo", "Mia", "Milan", "Mina", "Nadia", "Nina", "Noah", "Nora", "Olga", "Omar", "Oscar", "Paula",
    "Petra", "Priya", "Rafael", "René", "Rosa", "Ruth", "Samir", "Sara", "Sofia", "Tara", "Tim", "Tom",
    "Vera", "Viktor", "Yara", "Yuki", "Zoë",
)  # fmt: skip

LAST_NAMES = (
    "Abara", "Almeida", "Amsel", "Banks", "Barros", "Beck", "Bellamy", "Berger", "Birk", "Brandt", "Calder",
    "Campos", "Carver", "Castell", "Dahl", "Delgado", "Dietz", "Duarte", "Eklund", "Ellery", "Esposito",
    "Falk", "Farrow", "Ferreira", "Finch", "Fontaine", "Garner", "Gerber", "Gomes", "Hale", "Hansen",
    "Hartley", "Hoshino", "Ibarra", "Iyer", "Jansen", "Jovan", "Kamara", "Keller", "Kimura", "Koval",
    "Lacroix", "Larsen", "Lindgren", "Lobo", "Marchetti", "Marsh", "Mehta", "Mercier", "Molnar", "Moreau",
    "Nakata", "Navarro", "Nilsen", "Novak", "O'Dea", "Okoro", "Olsen", "Ortega", "Park", "Pavone", "Pereira",
    "Quist", "Rahman", "Reyes", "Ridley", "Rossi", "Saito", "Sandoval", "Schuster", "Silva", "Sørli",
    "Tanaka", "Thorne", "Torres", "Ueda", "Vance", "Varga", "Vidal", "Wagner", "Wells", "Winter", "Yilmaz",
    "Zeller",
)  # fmt: skip

AUTHORS = (
    "A. M. Calder", "B. Thorne", "C. Lindgren-Vale", "D. Okoro", "E. Fontaine", "F. Hoshino", "G. Marsh",
    "H. Ridley", "I. Novak", "J. Castell", "K. Mehta", "L. Quist", "M. Sandoval", "N. Ellery", "O. Varga",
)  # fmt: skip

NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "Electronics": (
        (
            "Aero", "Boreal", "Cirro", "Delta", "Echo", "Fjord", "Gamma", "Helio", "Indigo", "Juno",
            "Kestrel", "Lumen", "Mira", "Nimbus", "Onyx", "Pulse", "Quanta", "Rivo", "Sonar", "Terra",
            "Umbra", "Vela",
        ),
        (
            "3", "5", "7", "9", "10", "12", "20", "30", "X1", "X2", "X4", "S8", "S9", "Go", "Go 2", "Air",
            "One", "Lite", "Pro", "Pro 2", "Max", "Ultra",
        ),
    ),
    "Books": (
        (
            "The Silent", "The Last", "A Distant", "The Hidden", "An Uncertain", "The Golden", "The Broken",
            "A Winter", "The Northern", "The Paper", "The Second", "A Quiet", "The Glass", "The Crooked",
            "The Burning", "An Ordinary", "The Blue", "The Patient", "The Longest", "The Forgotten",
        ),
        (
            "Harbour", "Orchard", "Letter", "Lighthouse", "Garden", "Season", "Kitchen", "Map", "Theory",
            "River", "Witness", "Island", "Clockmaker", "Notebook", "Journey", "Bridge", "Signal", "Archive",
            "Mountain", "Evening",
        ),
    ),
    "Toys": (
        (
            "Happy", "Tiny", "Brave", "Jolly", "Sleepy", "Magic", "Cosmic", "Rainbow", "Speedy", "Curious",
            "Merry", "Bouncy", "Clever", "Giant", "Secret", "Shiny", "Wild", "Fuzzy", "Lucky", "Royal",
        ),
        (
            "Dragon", "Farm", "Rocket", "Castle", "Bear", "Whale", "Train", "Forest", "Robot", "Pirate",
            "Panda", "Harbour", "Circus", "Comet", "Fox", "Jungle", "Tractor", "Planet", "Otter", "Village",
        ),
    ),
    "Sports": (
        (
            "Alpine", "Summit", "Trail", "Coast", "Swift", "Granite", "Tempo", "Vigor", "Stride", "Apex",
            "Meridian", "Rapid", "Nordic", "Pacer", "Tide", "Gale", "Ridge", "Ember", "Falcon", "Atlas",
        ),
        (
            "100", "200", "300", "Lite", "Flex", "Core", "Grip", "Sport", "Race", "Tour", "Elite", "Junior",
            "Comfort", "Plus", "Active", "Team", "Classic", "Motion", "Edge", "Zero",
        ),
    ),
    "Clothing": (
        (
            "Linen", "Cotton", "Merino", "Denim", "Harbour", "City", "Weekend", "Meadow", "Nordic",
            "Relaxed", "Slim", "Everyday", "Organic", "Vintage", "Studio", "Riviera", "Heritage", "Soft",
            "Urban", "Breeze",
        ),
        (
            "Basic", "Classic", "Fit", "Wrap", "Stripe", "Check", "Crew", "Essential", "Line", "Cut", "Story",
            "Edit", "Layer", "Field", "Line II", "Original", "Modern", "Daily", "Season", "Select",
        ),
    ),
}  # fmt: skip
