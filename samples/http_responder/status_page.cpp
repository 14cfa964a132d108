#include "samples/http_responder/status_page.hpp"

#include <string>

#include "samples/http_responder/page_style.hpp"

namespace responder {
namespace {

constexpr std::string_view page_rest = R"(
  header { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; margin-bottom: 1.25rem; }
  h1 { margin: 0; }
  h2 { margin: 0; font-size: 1rem; }
  #state { margin: 0; padding: .15rem .7rem; border: 1px solid var(--line); border-radius: 1rem;
    background: var(--card); font-size: .875rem; }
  #state::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-right: .5em;
    border-radius: 50%; background: var(--quiet); }
  #state.live::before { background: var(--good); }
  #state.gone::before { background: var(--bad); }
  #up { margin-left: auto; color: var(--quiet); font-size: .875rem; }
  #up b { color: var(--text); font-variant-numeric: tabular-nums; }
  dl { display: grid; grid-template-columns: repeat(5, 1fr); gap: .75rem; margin: 0 0 .75rem; }
  dl div { padding: .8rem 1rem; }
  dt { color: var(--quiet); font-size: .8rem; line-height: 1.35; }
  dd { margin: .2rem 0 0; font-size: 1.5rem; font-weight: 600; line-height: 1.3;
    font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
  small { color: var(--quiet); font-size: .8rem; font-weight: 400; }
  section { margin-bottom: .75rem; padding: 1rem; }
  figure { margin: .75rem 0 0; display: grid; grid-template-columns: auto 1fr; gap: .25rem .6rem; }
  #scale { display: flex; flex-direction: column; justify-content: space-between; text-align: right;
    font-variant-numeric: tabular-nums; line-height: 1; min-width: 2ch; margin: -.5em 0; }
  svg { display: block; width: 100%; height: 11rem; overflow: visible; }
  svg line { stroke: var(--line); }
  svg path { vector-effect: non-scaling-stroke; stroke-linejoin: round; }
  svg line { vector-effect: non-scaling-stroke; }
  #curve { fill: none; stroke: var(--accent); stroke-width: 2; }
  #area { fill: var(--accent); opacity: .16; }
  figcaption { grid-column: 2; display: flex; justify-content: space-between; }
  ul { margin: .5rem 0 0; padding: 0; list-style: none; }
  li { padding: .35rem 0; border-top: 1px solid var(--line); }
  li:first-child { border-top: 0; }
  code { font: .875rem ui-monospace, "DejaVu Sans Mono", monospace; margin-right: .6rem; }
  @media (max-width: 48rem) { dl { grid-template-columns: repeat(6, 1fr); }
    dl div { grid-column: span 2; } dl div:nth-child(-n+2) { grid-column: span 3; } }
  @media (max-width: 34rem) {
    body { padding: 1.25rem .75rem 2rem; }
    #up { margin-left: 0; flex-basis: 100%; }
    dl { gap: .5rem; } dl div { padding: .65rem .75rem; grid-column: span 3; }
    dl div:nth-child(3) { grid-column: span 6; } dd { font-size: 1.25rem; } svg { height: 8rem; }
    li code { display: block; }
  }
</style>
<title>http_responder</title>
</head>
<body>
<header>
  <h1>http_responder</h1>
  <p id="state">connecting …</p>
  <span id="up">up for <b id="uptime_s">–</b></span>
</header>
<dl>
  <div class="card"><dt>requests a second</dt><dd id="requests_per_second">–</dd></div>
  <div class="card"><dt>requests</dt><dd id="requests">–</dd></div>
  <div class="card"><dt>connections</dt><dd id="connections">–</dd></div>
  <div class="card"><dt>loop lag, 99 % below</dt><dd><span id="lag_p99_ms">–</span> <small>ms</small></dd></div>
  <div class="card"><dt>loop lag, longest</dt><dd><span id="lag_longest_ms">–</span> <small>ms</small></dd></div>
</dl>
<section class="card">
  <h2>Requests a second</h2>
  <figure>
    <div id="scale" class="quiet"><span id="top">1</span><span id="middle"></span><span>0</span></div>
    <svg id="chart" viewBox="0 0 60 100" preserveAspectRatio="none" role="img" aria-label="no figures yet">
      <line x1="0" y1="0" x2="60" y2="0"/><line x1="0" y1="50" x2="60" y2="50"/>
      <line x1="0" y1="100" x2="60" y2="100"/>
      <path id="area"/><path id="curve"/>
    </svg>
    <figcaption class="quiet"><span>a minute ago</span><span>now</span></figcaption>
  </figure>
</section>
<section class="card">
  <h2>Routes</h2>
  <ul>
    <li><code><a href="/hello">GET /hello</a></code> <span class="quiet">a greeting</span></li>
    <li><code><a href="/download?size=1000000">GET /download?size=N</a></code> <span class="quiet">N bytes, in chunks</span></li>
    <li><code><a href="/events">GET /events</a></code> <span class="quiet">these figures, once a second</span></li>
    <li><code>POST /echo</code> <span class="quiet">the body comes back</span></li>
    <li><code>PUT or POST /upload</code> <span class="quiet">the body is counted</span></li>
  </ul>
</section>
<script>
  const seconds = 60;
  const rates = [];
  const at = (id) => document.getElementById(id);

  function show(state, text) {
    at("state").className = state;
    at("state").textContent = text;
  }

  function duration(s) {
    const parts = [[Math.floor(s / 86400), "d"], [Math.floor(s / 3600) % 24, "h"],
                   [Math.floor(s / 60) % 60, "min"], [s % 60, "s"]];
    while (parts.length > 1 && parts[0][0] === 0) parts.shift();
    return parts.slice(0, 2).map(([count, unit]) => count + "\u00a0" + unit).join(" ");
  }

  // The least of 2, 4, 10, 20, 40, 100 … that is enough: its half is a whole number.
  function scale(most) {
    let top = 2;
    while (top < most) top *= String(top)[0] === "4" ? 2.5 : 2;
    return top;
  }

  function draw() {
    const top = scale(Math.max(...rates));
    const points = rates.map((rate, i) => {
      const x = seconds - (rates.length - 1 - i) * seconds / (seconds - 1);
      return x.toFixed(2) + " " + (100 - 100 * rate / top).toFixed(2);
    });
    const from = points[0].split(" ")[0];
    at("curve").setAttribute("d", "M" + points.join("L"));
    at("area").setAttribute("d", "M" + from + " 100L" + points.join("L") + "L60 100Z");
    at("top").textContent = top.toLocaleString("en");
    at("middle").textContent = (top / 2).toLocaleString("en");
    at("chart").setAttribute("aria-label", "Requests a second in the last minute: now " +
        rates[rates.length - 1] + ", at most " + Math.max(...rates));
  }

  const events = new EventSource("/events");
  let isFirst = true;  // Its rate is of no time at all.
  events.onmessage = (message) => {
    const figures = JSON.parse(message.data);
    for (const [name, value] of Object.entries(figures)) {
      at(name).textContent = name === "uptime_s" ? duration(value) :
          name.endsWith("_ms") ? value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0) : value.toLocaleString("en");
    }
    if (!isFirst) rates.push(figures.requests_per_second);
    isFirst = false;
    if (rates.length > seconds) rates.shift();
    if (rates.length > 0) draw();
    show("live", "live");
  };
  events.onerror = () => {
    isFirst = true;
    show("gone", "the server is gone");
  };
</script>
</body>
</html>
)";

}  // namespace

std::string_view status_page() {
  static const std::string page = std::string(page_begin) + std::string(page_rest);
  return page;
}

}  // namespace responder
