#!/usr/bin/env python3
"""Writes golden.json: what transformers' own Jinja environment renders from each template of data/ and each expression below.

Usage:  .deps/python/bin/python tests/chat/make_golden.py      (transformers 5.23.0)
smollm2.jinja is the embedded model's; the others are written here, in the manner of the Llama-3.1, Qwen2.5 and Mistral templates.
"""
import datetime
import json
import pathlib

from transformers.utils import chat_template_utils

DATA = pathlib.Path(__file__).parent / "data"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
CONVERSATIONS = [
    [("user", "Hi")],
    [("system", "Be brief."), ("user", "What is 2 + 2?")],
    [("system", "  spaced  "), ("user", "\n Größe? 你好 👍🏽 \n"), ("assistant", " Ja. "), ("user", "\"quoted\" & 'single' \\ <b>")],
    [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d\n\ne"), ("user", "{{ not a tag }}")],
    [("assistant", "first"), ("user", "then")],
    [("system", "only")],
]
EXPRESSIONS = r"""
{{ 1 + 2 * 3 ** 2 }}|{{ 7 // 2 }}|{{ -7 // 2 }}|{{ -7 % 3 }}|{{ 7 / 2 }}|{{ 4 / 2 }}|{{ 2 ** 10 }}|{{ 1.5 * 2 }}|{{ 0.1 + 0.2 }}
{{ 'a' ~ 1 ~ none ~ true }}|{{ 'ab' * 3 }}|{{ 'a' + 'b' }}|{{ [1, 'x', none, true, 1.0] }}|{{ {'a': 1, 'b': [2]} }}|{{ (1, 2) | list }}
{{ messages[0].role }}|{{ messages[0]['content'] }}|{{ messages[-1].role }}|{{ messages[99] is defined }}|{{ messages[0].nothing is defined }}
{{ 'abcdef'[1:4] }}|{{ 'abcdef'[::-1] }}|{{ 'abcdef'[-3:] }}|{{ [1, 2, 3, 4][::2] }}|{{ [1, 2, 3][:-1] }}|{{ [1, 2, 3][5:] }}|{{ 'é你x'[1] }}
{{ 'x' if false }}|{{ 'x' if messages else 'y' }}|{{ 'a' if 0 else 'b' if 0 else 'c' }}|{{ not false and true or false }}|{{ 1 < 2 < 3 }}|{{ 1 < 3 < 2 }}
{{ 3 in [1, 2, 3] }}|{{ 'b' not in 'abc' }}|{{ 'role' in messages[0] }}|{{ undefined_thing is defined }}|{{ undefined_thing }}|{{ none is none }}
{{ '  x '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'a,b,,c'.split(',') }}|{{ ' a  b '.split() }}|{{ 'a b c'.split(' ', 1) }}
{{ 'abc'.startswith('ab') }}|{{ 'abc'.endswith('bc') }}|{{ 'Ab'.upper() }}|{{ 'Ab'.lower() }}|{{ 'hello world-x'.title() }}|{{ 'hELLO'.capitalize() }}|{{ 'aXbX'.replace('X', '-') }}
{{ ' t ' | trim }}|{{ [1, 2] | length }}|{{ 'abc' | length }}|{{ {'a': 'é"\n', 'b': [1, 2.5, none, true]} | tojson }}|{{ [1, {'a': []}] | tojson(indent=2) }}
{{ ['b', 'a', 'C'] | sort }}|{{ [3, 1] | sort(reverse=true) }}|{{ [1, 1, 2] | unique | list }}|{{ ['a', 'b'] | join('-') }}|{{ messages | map(attribute='role') | join(',') }}
{{ messages | selectattr('role', 'equalto', 'user') | list | length }}|{{ messages | rejectattr('role', 'eq', 'user') | map(attribute='content') | list }}
{{ x | default('d') }}|{{ '' | default('d', true) }}|{{ '' | d('e') }}|{{ '42' | int + 1 }}|{{ 'x' | int(7) }}|{{ '1.5' | float }}|{{ 3.9 | int }}|{{ [1, 2, 3] | first }}|{{ [1, 2, 3] | last }}
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'abc' | reverse }}|{{ [1, 2] | reverse | list }}|{{ {'k': 'v'} | items | map('last') | join }}|{{ {'k': 'v'}.items() | map('first') | join }}
{% for k, v in {'a': 1, 'b': 2}.items() %}{{ loop.index }}{{ k }}={{ v }}{{ ',' if not loop.last }}{% endfor %}|{% for i in range(5) if i is odd %}{{ i }}{{ loop.length }}{% endfor %}
{% for i in [] %}x{% else %}empty{% endfor %}|{% for i in range(10) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for c in 'ab' %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.previtem }}{{ loop.nextitem }}{% endfor %}
{% set ns = namespace(n=0, s='') %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% set ns.s = ns.s ~ i %}{% endfor %}{{ ns.n }}{{ ns.s }}|{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{% endfor %}{{ x }}
{% set a, b = [1, 2] %}{{ a }}{{ b }}|{% set block %}in {{ 1 + 1 }} block{% endset %}{{ block }}|{% macro m(a, b='d') %}[{{ a }}{{ b }}]{% endmacro %}{{ m(1) }}{{ m(1, b=2) }}{{ m('x', 'y') }}
{{ 1 is number }}|{{ '1' is string }}|{{ {} is mapping }}|{{ [] is iterable }}|{{ 'a' is iterable }}|{{ true is boolean }}|{{ true is number }}|{{ 1 is integer }}|{{ 1.0 is integer }}|{{ 4 is divisibleby 2 }}|{{ 3 is even }}
{{ 'x' is in ['x'] }}|{{ true is true }}|{{ 1 is true }}|{{ none is not none }}|{{ 1 is eq 1 }}|{{ [] is sequence }}|{{ {'a': 1} == {'a': 1} }}|{{ [1] == [1.0] }}|{{ 'a' < 'b' }}
{{ strftime_now('%d %b %Y') }}|{{ {'a': 1}.get('a') }}|{{ {'a': 1}.get('b', 'z') }}|{{ {'a': 1}.keys() | list }}|{{ "it's" | string }}|{{ ["it's", 'q"'] }}
{#- comment -#} x {#- c #}|{{- 1 -}}  |  {%- if true -%}  y  {%- endif -%}  |{{ '\u00e9\t' }}
{{ 'a' 'b' }}|{{ [1, 2] + [3] }}|{{ -3 | abs }}|{{ (-3) | abs }}|{{ 'ab'.find('b') }}|{{ 'aXa'.count('a') }}|{{ ', '.join(['p', 'q']) }}|{{ dict(a=1) }}|{{ 7.0 // 2 }}|{{ 1e }}
"""


def render(source, messages, add_generation_prompt):
    template = chat_template_utils._compile_jinja_template(source)
    template.globals["strftime_now"] = lambda f: datetime.datetime(2024, 7, 26, 13, 5).strftime(f)
    template.environment.globals["strftime_now"] = template.globals["strftime_now"]
    return template.render(messages=messages, add_generation_prompt=add_generation_prompt, tools=None, documents=None, **TOKENS)


def outcome(source, messages, add_generation_prompt):
    try:
        return {"text": render(source, messages, add_generation_prompt)}
    except Exception as error:  # raise_exception and errors of the template: only that there is one is compared
        return {"error": str(error)}


cases = []
for path in sorted(DATA.glob("*.jinja")):
    for conversation in CONVERSATIONS:
        messages = [{"role": role, "content": content} for role, content in conversation]
        for generation in (False, True):
            cases.append({"template": path.name, "messages": conversation, "generation": generation, **outcome(path.read_text(), messages, generation)})
messages = [{"role": role, "content": content} for role, content in CONVERSATIONS[2]]
for line in EXPRESSIONS.strip().split("\n"):
    for source in [line] if line.startswith(("{%", "{#")) else line.split("}}|"):
        source = source if source.endswith("}") else source + "}}"
        cases.append({"source": source, "messages": CONVERSATIONS[2], "generation": False, **outcome(source, messages, False)})
(DATA / "golden.json").write_text(json.dumps(cases, indent=0, ensure_ascii=False) + "\n")
print(len(cases), "cases,", sum("error" in c for c in cases), "with errors")
