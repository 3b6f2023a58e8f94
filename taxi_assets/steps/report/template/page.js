"use strict";
// Draws what a reader chooses: the map and the week. All else on the page is there without this script.
const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumSignificantDigits: 3 });
const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const CLASSES = 7;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

// A month under the pointer, with the numbers of the table behind the chart.
for (const plot of document.querySelectorAll(".plot")) {
  const rows = $(plot.dataset.table).tBodies[0].rows;
  const heads = $(plot.dataset.table).tHead.rows[0].cells;
  const columns = plot.dataset.columns.split(" ").map(Number);
  const line = element("div", "", "pointer"), tip = element("div", "", "tip");
  const leave = () => { line.remove(); tip.remove(); };
  plot.addEventListener("pointerleave", leave);
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect(), at = (event.clientX - box.left) / box.width;
    const place = Math.min(rows.length - 1, Math.max(0, Math.floor(at * rows.length)));
    const cells = rows[place].cells;
    tip.replaceChildren(element("strong", cells[0].textContent));
    for (const column of columns) {
      if (cells[column].textContent === "–") continue;
      tip.append(element("br"), `${heads[column].textContent}: ${cells[column].textContent}`);
    }
    line.style.left = `${(100 * (place + 0.5)) / rows.length}%`;
    plot.append(line, tip);
    const right = at > 0.5;
    tip.style.left = right ? "auto" : `calc(${100 * at}% + 12px)`;
    tip.style.right = right ? `calc(${100 - 100 * at}% + 12px)` : "auto";
  });
}

// A link to a file's row opens the table that it is in.
function unfold() {
  const target = location.hash && $(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.closest("details");
  if (details && !details.open) { details.open = true; target.scrollIntoView({ block: "center" }); }
}
addEventListener("hashchange", unfold);
unfold();

async function unpack() {
  const packed = Uint8Array.from(atob($("slices").textContent.trim()), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new DataView(await new Response(stream).arrayBuffer());
}

function reader(view, zones) {
  const size = zones * 8 + (168 + 7) * 4;
  return (place) => {
    const at = place * size, none = 0xffff;
    const tenths = (offset) => { const value = view.getUint16(offset, true); return value === none ? null : value / 10; };
    const read = (count, offset, get) => Array.from({ length: count }, (_, each) => get(offset + each));
    return {
      trips: read(zones, 0, (each) => view.getUint32(at + 4 * each, true)),
      tips: read(zones, 0, (each) => tenths(at + 4 * zones + 2 * each)),
      speed: read(zones, 0, (each) => tenths(at + 6 * zones + 2 * each)),
      hours: read(168, 0, (each) => view.getUint32(at + 8 * zones + 4 * each, true)),
      days: read(7, 168, (each) => view.getUint32(at + 8 * zones + 4 * each, true)),
    };
  };
}

const MEASURES = {
  trips: { title: "Most pickups", unit: "pickups", write: (value) => whole.format(value) },
  tips: { title: "Highest tips", unit: "tips, % of fare", write: (value) => `${value.toFixed(1)} %` },
  speed: { title: "Fastest", unit: "miles an hour", write: (value) => `${value.toFixed(1)} mph` },
};

// Limits between classes that hold equally many zones: pickups differ ten thousandfold.
function limits(values) {
  const sorted = values.filter((value) => value !== null && value > 0).sort((a, b) => a - b);
  const found = [];
  for (let each = 1; each < CLASSES; each++) {
    const limit = sorted[Math.floor((each * sorted.length) / CLASSES)];
    if (limit !== undefined && limit > (found.at(-1) ?? sorted[0])) found.push(limit);
  }
  return found;
}

const classOf = (value, found) => {
  const place = found.filter((limit) => value >= limit).length;
  return `q${found.length ? Math.round((place * (CLASSES - 1)) / found.length) : 3}`;
};

function main(data, slice) {
  const { zones, choices, labels } = data;
  const [service, period] = [$("service"), $("period")];
  let shown = null;

  for (const name of new Set(choices.map((choice) => choice[0]))) service.add(new Option(labels[name], name));

  function fillPeriods() {
    const wanted = period.value;
    const own = choices.filter((choice) => choice[0] === service.value);
    const groups = [["Years", 4], ["Months", 7]].map(([label, length]) => {
      const group = element("optgroup");
      group.label = label;
      for (const [, name, months] of own.filter((choice) => choice[1].length === length)) {
        group.append(new Option(length === 4 && months < 12 ? `${name} (${months} of 12 months)` : name, name));
      }
      return group;
    });
    period.replaceChildren(...groups);
    const years = own.filter((choice) => choice[1].length === 4);
    period.value = own.some((choice) => choice[1] === wanted) ? wanted : years.at(-1)[1];
  }

  const measure = () => document.querySelector("input[name=measure]:checked").value;

  function said(place) {
    const [zone, name, borough] = zones[place];
    const parts = [`${whole.format(shown.trips[place])} pickups`];
    if (shown.tips[place] !== null) parts.push(`tips ${shown.tips[place].toFixed(1)} % of the fare`);
    if (shown.speed[place] !== null) parts.push(`${shown.speed[place].toFixed(1)} miles an hour`);
    return `${name}${borough ? `, ${borough}` : ""}${zone ? ` (${zone})` : ""}: ${parts.join(", ")}`;
  }

  function drawMap(values, kind) {
    const found = limits(values), places = new Map(zones.map((zone, place) => [String(zone[0]), place]));
    for (const path of document.querySelectorAll("#map path")) {
      const value = values[places.get(path.dataset.zone)];
      path.setAttribute("class", value ? classOf(value, found) : "");
    }
    if (!$("legend")) return;
    const known = values.filter((value) => value);
    const steps = known.length ? [Math.min(...known), ...found] : [];
    $("legend").replaceChildren(...steps.map((step) => {
      const item = element("span");
      item.append(element("b", "", classOf(step, found)), kind === "trips" ? compact.format(step) : step.toFixed(1));
      return item;
    }));
    const none = element("span");
    none.append(element("b", "", "none"), "none");
    $("legend").append(none);
  }

  function drawTop(values, kind) {
    const best = values.map((value, place) => [value, place])
      .filter(([value, place]) => value && zones[place][0] > 0 && zones[place][0] < 264)
      .sort((a, b) => b[0] - a[0]).slice(0, 10);
    $("top-title").textContent = `${MEASURES[kind].title}`;
    $("top").replaceChildren(...best.map(([value, place]) => {
      const item = element("li"), bar = element("b");
      bar.style.width = `${(100 * value) / best[0][0]}%`;
      item.title = said(place);
      item.append(element("span", zones[place][1]), bar, element("em", MEASURES[kind].write(value)));
      return item;
    }));
    return best;
  }

  function drawWeek() {
    const averages = shown.hours.map((trips, place) => trips / (shown.days[Math.floor(place / 24)] || 1));
    const highest = Math.max(...averages, 0), most = averages.indexOf(highest);
    const grid = [element("i")];
    for (let hour = 0; hour < 24; hour++) grid.push(element("i", hour % 6 ? "" : String(hour)));
    DAYS.forEach((day, weekday) => {
      grid.push(element("i", day.slice(0, 3)));
      for (let hour = 0; hour < 24; hour++) {
        const value = averages[24 * weekday + hour];
        const share = highest ? Math.min(CLASSES - 1, Math.floor((CLASSES * value) / highest)) : 0;
        const cell = element("b", "", `q${share}`);
        cell.title = `${day}, ${hour} to ${hour + 1} o’clock: ${number.format(value)} trips`;
        grid.push(cell);
      }
    });
    $("week").replaceChildren(...grid);
    const hour = most % 24;
    $("week-take").textContent = highest
      ? `Busiest: ${DAYS[Math.floor(most / 24)]}s from ${hour} to ${hour + 1} o’clock, ${(highest < 100 ? number : whole).format(highest)} trips on average.`
      : "No trips.";
    const table = $("week-table");
    table.tHead.rows[0].replaceChildren(...["Hour", ...DAYS].map((head) => {
      const cell = element("th", head);
      cell.scope = "col";
      return cell;
    }));
    table.tBodies[0].replaceChildren(...Array.from({ length: 24 }, (_, each) => {
      const row = element("tr"), head = element("th", String(each));
      head.scope = "row";
      row.append(head, ...DAYS.map((_, weekday) => element("td", number.format(averages[24 * weekday + each]))));
      return row;
    }));
  }

  function drawTable() {
    const order = zones.map((_, place) => place).filter((place) => shown.trips[place]);
    order.sort((a, b) => shown.trips[b] - shown.trips[a]);
    $("zones-table").tBodies[0].replaceChildren(...order.map((place) => {
      const row = element("tr"), [zone, name, borough] = zones[place];
      const average = (value) => (value === null ? "–" : value.toFixed(1));
      const cells = [zone || "–", name, borough, whole.format(shown.trips[place]), average(shown.tips[place]), average(shown.speed[place])];
      row.append(...cells.map((cell) => element("td", String(cell))));
      return row;
    }));
  }

  function draw() {
    const place = choices.findIndex((choice) => choice[0] === service.value && choice[1] === period.value);
    shown = slice(place);
    const kind = measure(), values = shown[kind];
    drawMap(values, kind);
    drawTop(values, kind);
    drawWeek();
    drawTable();
    const trips = shown.trips.reduce((sum, value) => sum + value, 0);
    const lost = zones.reduce((sum, zone, each) => sum + (zone[0] > 0 && zone[0] < 264 ? 0 : shown.trips[each]), 0);
    $("places-take").textContent =
      `${labels[service.value]}, ${period.selectedOptions[0].textContent}: ${whole.format(trips)} trips, ` +
      `${number.format(trips ? (100 * lost) / trips : 0)} % of them from no known zone of the city.`;
    const options = [...period.options], now = period.selectedOptions[0];
    const same = options.filter((option) => option.value.length === now.value.length);
    $("before").disabled = same[0] === now;
    $("after").disabled = same.at(-1) === now;
  }

  function step(by) {
    const now = period.selectedOptions[0];
    const same = [...period.options].filter((option) => option.value.length === now.value.length);
    period.value = same[same.indexOf(now) + by].value;
    draw();
  }

  service.addEventListener("change", () => { fillPeriods(); draw(); });
  period.addEventListener("change", draw);
  $("measure").addEventListener("change", draw);
  $("before").addEventListener("click", () => step(-1));
  $("after").addEventListener("click", () => step(1));
  const map = $("map");
  map?.addEventListener("pointerover", (event) => {
    map.querySelector(".on")?.classList.remove("on");
    const place = zones.findIndex((zone) => String(zone[0]) === event.target.dataset.zone);
    if (place < 0 && event.target === map) return;
    event.target.classList.add("on");
    $("readout").textContent = place < 0 ? `Zone ${event.target.dataset.zone}: no trips in any month` : said(place);
  });
  fillPeriods();
  draw();
  document.documentElement.dataset.ready = "yes";
}

if ($("service")) {
  const data = JSON.parse($("data").textContent);
  unpack().then((view) => main(data, reader(view, data.zones.length)), (error) => {
    $("places-take").textContent = `This browser cannot unpack the numbers of the map and the week (${error.message}); one of 2023 or later can.`;
  });
}
