// Shows how the run goes, from the events that the server sends.
"use strict";
(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const set = (id, text) => { document.getElementById(id).textContent = text; };
  const whole = new Intl.NumberFormat("en");
  const points = []; // of the chart: seconds, milliseconds, whether a fault is in force
  const spark = document.getElementById("spark");
  const shape = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    spark.append(element);
  };
  const draw = () => {
    if (points.length < 2) return;
    spark.replaceChildren();
    const first = points[0].at, span = Math.max(points.at(-1).at - first, 0.001);
    const most = Math.max(...points.map((p) => p.latency), 0.001);
    const x = (p) => 600 * (p.at - first) / span, y = (p) => 76 - 72 * p.latency / most;
    points.forEach((p, i) => {
      if (p.faulty && i > 0) shape("rect", { class: "fault", x: x(points[i - 1]), y: 0, width: Math.max(x(p) - x(points[i - 1]), 1), height: 80 });
    });
    shape("polyline", { class: "line", points: points.map((p) => `${x(p).toFixed(1)},${y(p).toFixed(1)}`).join(" ") });
  };
  const source = new EventSource(live.dataset.events);
  source.addEventListener("progress", (event) => {
    const p = JSON.parse(event.data);
    set("phase", p.phase);
    set("elapsed", p.total ? `${p.elapsed.toFixed(1)} of ${p.total.toFixed(0)} s` : `${(p.elapsed || p.since).toFixed(1)} s`);
    for (const id of ["invoked", "ok", "fail", "info", "messages"]) set(id, whole.format(p[id]));
    set("rate", p.rate ? whole.format(Math.round(p.rate)) : "–");
    set("latency", p.latency ? `${Number(p.latency.toPrecision(3))} ms` : "–");
    set("faults", p.faults || "whole");
    document.getElementById("faults").parentElement.classList.toggle("faulty", p.faults !== "");
    const bar = document.getElementById("bar");
    if (p.total) { bar.max = p.total; bar.value = p.elapsed; } else { bar.removeAttribute("value"); }
    if (p.from === 0) points.length = 0;
    if (p.points && p.points.length > 0) {
      points.push(...p.points);
      draw();
    }
  });
  source.addEventListener("end", () => { source.close(); location.reload(); });
})();
