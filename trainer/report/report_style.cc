#include "trainer/report/report_style.h"

namespace candor::trainer {

std::string_view report_style() {
  return R"(
:root { color-scheme: light dark; --page: #fdfdfc; --card: #f4f4f1; --text: #1c1c1a;
  --soft: #5f5f59; --grid: #e2e2dc; --axis: #7d7d75;
  --warn: #fde8d8; --series-0: #b0531a; --series-1: #2058c0; --series-2: #0b7a66;
  --series-3: #7d3fb8; }
@media (prefers-color-scheme: dark) { :root { --page: #161716; --card: #20211f; --text: #ecece6;
  --soft: #a5a59c; --grid: #353632; --axis: #8d8d84;
  --warn: #4a2b16; --series-0: #f0954f; --series-1: #79a8ff; --series-2: #3fcfb2;
  --series-3: #c79bf2; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px; max-width: 1180px; background: var(--page);
  color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0 0 8px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 10px; } p, ul { margin: 6px 0 10px; max-width: 100ch; }
ul { padding-left: 22px; } .soft { color: var(--soft); }
.warn { background: var(--warn); padding: 12px 16px; border-radius: 8px; }
summary { cursor: pointer; color: var(--soft); margin: 8px 0; }
h3 { font-size: 14px; margin: 14px 0 4px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(225px, 1fr)); gap: 12px;
  margin: 18px 0; }
.tile { background: var(--card); border-radius: 10px; padding: 12px 16px;
  font-variant-numeric: tabular-nums; }
.tile b { display: block; font-size: 22px; }
.tile span { display: block; color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; margin-bottom: 8px; } .hint { display: none; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: 14px;
  font-variant-numeric: tabular-nums; border-bottom: 1px solid var(--grid); }
th, td { text-align: left; padding: 6px 10px 6px 0; vertical-align: top; }
td { border-top: 1px solid var(--grid); }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--page);
  min-width: 108px; }
td small { color: var(--soft); display: block; font-size: 11.5px; white-space: nowrap; }
td strong { display: block; font-size: 12.5px; color: var(--series-0); }
tr.after td:first-child { font-weight: 600; color: var(--series-1); }
tr.before td:first-child { font-weight: 600; color: var(--series-0); }
tr.first td { border-top: 2px solid var(--axis); } table.texts { min-width: 760px; }
.plots { display: flex; flex-wrap: wrap; gap: 16px; margin-bottom: 8px; }
.plot { background: var(--card); border-radius: 10px; max-width: 100%; height: auto; }
.plot text { fill: var(--text); font: 11px system-ui, sans-serif; }
.plot .plot-title { font-size: 13px; font-weight: 600; }
.plot .tick { fill: var(--soft); font-size: 10px; } .plot .grid { stroke: var(--grid); }
.plot .reference { stroke: var(--axis); stroke-width: 1.5; stroke-dasharray: 4 3; fill: none; }
.plot .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.plot .thin, .plot .range { stroke-width: 1; } .plot .dashed { stroke-dasharray: 6 3; }
.plot .range { stroke-opacity: .7; }
.plot .line.series-0, .plot .range.series-0 { stroke: var(--series-0); }
.plot .line.series-1, .plot .range.series-1 { stroke: var(--series-1); }
.plot .line.series-2, .plot .range.series-2 { stroke: var(--series-2); }
.plot .line.series-3, .plot .range.series-3 { stroke: var(--series-3); }
.plot .fill { fill-opacity: .85; } .plot .fill.series-0 { fill: var(--series-0); }
.plot .fill.series-1 { fill: var(--series-1); }
.plot .fill.series-2 { fill: var(--series-2); } .plot .fill.series-3 { fill: var(--series-3); }
pre { background: var(--card); padding: 14px; border-radius: 10px; overflow-x: auto;
  font-size: 13px; }
@media (max-width: 720px) { body { padding: 16px; } .hint { display: block; }
th:first-child, td:first-child { max-width: 36vw; overflow-wrap: break-word; } }
)";
}

}  // namespace candor::trainer
