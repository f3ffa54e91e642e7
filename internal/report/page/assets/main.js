// main.js puts the drawings together, with their controls and the panel beside them.

// mostFollowed is the largest number of messages that are shown as a story of their
// own.
const mostFollowed = 4000;

function plural(n, noun) { return n.toLocaleString("en") + " " + noun + (n === 1 ? "" : "s"); }

// State is what the drawings share: what is chosen, and what is said about it.
class State {
	constructor(records, texts) {
		Object.assign(this, { records, texts, chosen: -1, related: [], chosenOperations: [], filters: { withoutSetup: records.messages.count > 0 } });
		this.time = new Range(0, Math.max(1e-3, records.end), 1e-4);
		this.tip = el("div", { class: "hint", hidden: true, "aria-hidden": "true" });
		document.body.append(this.tip);
		this.says = el("p", { class: "says", id: "says", role: "status" });
	}

	say(text) { this.says.textContent = text; }

	redraw() {
		this.time.redraw();
		if (this.diagram) this.diagram.range.redraw();
	}

	name(i) { return this.records.names[i] || "“”"; }

	// brief is a message in a few words: its type and its fields.
	brief(i, most) {
		const kind = this.records.kinds[this.records.messages.kind[i]] || "?";
		const rest = this.texts.body(i).replace(/"(type|msg_id|in_reply_to)"\s*:\s*("(\\.|[^"\\])*"|-?\d+)\s*,?\s*/g, "").replace(/^\{|,?\s*\}$/g, "").replace(/"(\w+)"\s*:/g, "$1:");
		const text = (kind + " " + rest).trim();
		return text.length > most ? text.slice(0, most - 1) + "…" : text;
	}

	// line says what became of a message.
	line(i, most = 90) {
		const m = this.records.messages;
		let fate = "";
		if (m.fate[i] >= dropped) fate = "  ✕ lost: " + this.records.reasons[m.fate[i] - dropped];
		else if (m.fate[i] === underWay) fate = "  … still under way at the end";
		else if (m.took[i] > 0) fate = "  after " + durationText(m.took[i]);
		return (m.sent[i] / 1000).toFixed(6) + "  " + this.name(m.src[i]) + " → " + this.name(m.dest[i]) + "  " + this.brief(i, most) + fate;
	}

	// hint shows a text beside the pointer, or none.
	hint(text, event) {
		this.tip.hidden = !text;
		if (!text) return;
		this.tip.textContent = text;
		this.tip.style.left = Math.min(event.clientX + 14, innerWidth - this.tip.offsetWidth - 8) + "px";
		this.tip.style.top = event.clientY + 18 + "px";
	}

	operationText(i) {
		const o = this.records.operations;
		const process = "process " + o.process[i] + (this.records.nodes.length && this.records.concurrency ? " (" + this.records.nodes[(o.process[i] % this.records.concurrency) % this.records.nodes.length] + ")" : "");
		const text = o.outcome[i] === unanswered ? this.texts.invoked(i) : this.texts.answered(i);
		const took = o.outcome[i] === unanswered ? "no answer" : outcomes[o.outcome[i]] + " after " + durationText(o.took[i]);
		return (o.begin[i] / 1000).toFixed(6) + "  " + process + "  " + this.records.functions[o.f[i]] + " " + text + "  " + took;
	}

	// choose shows a message, and what belongs to the same RPC.
	choose(i) {
		const m = this.records.messages;
		this.chosen = i;
		this.related = i < 0 ? [] : this.rpc(i);
		this.panel.message(i);
		if (i >= 0) {
			this.panel.at(m.sent[i]);
			this.say(this.line(i, 160));
			this.diagram.canvas.dataset.chosen = i;
		}
		this.redraw();
	}

	// rpc is a request and all answers to it, given any of them.
	rpc(i) {
		const m = this.records.messages, request = m.request[i] >= 0 ? m.request[i] : i, all = [request];
		if (m.reply[request] >= 0) for (let k = m.reply[request]; k < m.count; k++) if (m.request[k] === request) all.push(k);
		return all;
	}

	chooseTime(t) {
		this.panel.at(t);
		this.say("the logs and the list show " + timeText(t, 0.001));
	}

	// chooseOperation marks an operation and takes the diagram to it.
	chooseOperation(i) {
		if (i < 0) return;
		this.chosenOperations = [i];
		this.say(this.operationText(i));
		this.panel.operation(i);
		this.panel.at(this.records.operations.begin[i]);
		this.redraw();
	}

	moved() { this.controls?.moved(); }

	shows(count, stride) {
		this.controls?.count(plural(count, "message") + " in view" + (stride > 1 ? "; one in " + stride + " is drawn: zoom in to see all" : ""));
		this.panel?.list();
	}

	// filter changes filters of the diagram.
	filter(change) {
		Object.assign(this.filters, change);
		this.diagram?.filter(this.filters);
	}

	// mentioning returns the messages and the operations that mention one of some values.
	mentioning(values) {
		const { messages: m, operations: o } = this.records, about = new Set(), operations = new Set();
		for (const value of values) {
			const { needle, names } = search(value, this.records.kafka);
			mentions(this.texts.bodies, m.bodyAt, m.count, needle, (i) => names(this.texts.body(i)) && about.add(i));
			mentions(this.texts.values, o.textAt, o.count, needle, (i) => names(this.texts.invoked(i) + " " + this.texts.answered(i)) && operations.add(i));
		}
		return { about, operations: [...operations] };
	}

	// updates are the operations, of some, that were invoked with one of the values.
	updates(operations, values) {
		return operations.slice(0, 10000).filter((i) => {
			const invoked = this.texts.invoked(i), bytes = new TextEncoder().encode(invoked);
			let is = false;
			for (const v of values) {
				const { needle, names } = search(v, this.records.kafka);
				mentions(bytes, [0], 1, needle, () => (is ||= names(invoked)));
			}
			return is;
		}).slice(0, 50);
	}

	// explain takes diagram and plots to what an example of a finding is about.
	explain(example) {
		const { messages: m, operations: o } = this.records;
		const found = this.mentioning(example.Values || []);
		const proof = new Set(example.Operations || []);
		for (const step of example.Cycle || []) proof.add(step.Operation);
		const value = (example.Values || [])[0] ?? "", follow = found.about.size > 0 && found.about.size <= mostFollowed;
		for (const i of this.updates(found.operations, example.Values || [])) proof.add(o.index[i]);
		const chosen = [], times = [];
		for (let i = 0; i < o.count; i++) if (proof.has(o.index[i]) || proof.has(o.index[i] + o.done[i])) chosen.push(i);
		for (const i of chosen) times.push(o.begin[i], o.outcome[i] === unanswered ? o.begin[i] : o.begin[i] + o.took[i]);
		if (follow) for (const i of found.about) times.push(m.sent[i]);
		this.chosenOperations = chosen;
		this.chosen = -1;
		this.related = [];
		let from = times.reduce((a, b) => Math.min(a, b), Infinity), to = times.reduce((a, b) => Math.max(a, b), -Infinity);
		if (!(from <= to)) [from, to] = [0, this.records.end];
		const room = Math.max((to - from) * 0.05, 0.2);
		this.time.set(from - room, to + room);
		this.filter({ about: follow ? found.about : undefined, node: "", kind: undefined, lost: false, rpc: undefined, steps: follow, servers: false });
		this.controls.sync(follow ? value : "");
		this.panel.operation(chosen[0] ?? -1);
		this.panel.at(from);
		this.say((follow ? plural(found.about.size, "message") + " about " + value + ", and " : "") + plural(chosen.length, "operation") + " marked, from " + timeText(from, 0.001) + " to " + timeText(to, 0.001));
		this.redraw();
	}
}

// Controls move the view and set the filters.
class Controls {
	constructor(state) {
		this.state = state;
		const { records } = state, button = (text, label, onclick) => el("button", { type: "button", "aria-label": label, title: label, onclick }, text);
		const active = () => (state.diagram ? state.diagram.range : state.time);
		const both = (f) => () => {
			f(active());
		};
		this.from = el("input", { id: "from", inputmode: "decimal", "aria-label": "from, in seconds" });
		this.to = el("input", { id: "to", inputmode: "decimal", "aria-label": "to, in seconds" });
		for (const input of [this.from, this.to]) input.addEventListener("change", () => this.setTimes());
		this.counted = el("span", { class: "says", id: "counted", role: "status" });
		this.view = el("div", { class: "bar", role: "group", "aria-label": "view" },
			el("span", { class: "group" }, button(icon("M7 1L2 5L7 9"), "earlier", both((r) => r.pan(-0.5))), button(icon("M3 1L8 5L3 9"), "later", both((r) => r.pan(0.5)))),
			el("span", { class: "group" }, button(icon("M1 5H9M5 1V9"), "zoom in", both((r) => r.zoom(0.5))), button(icon("M1 5H9"), "zoom out", both((r) => r.zoom(2)))),
			button("whole run", "show the whole run", () => { state.time.whole(); active().whole(); }),
			el("label", {}, "from", this.from), el("label", {}, "to", this.to, "s"),
			el("span", { class: "says" }, "drag to move; Ctrl and the wheel to zoom, or the keys ← → + − 0 on a plot"));
		if (!records.messages.count) return;
		const kinds = [...records.kinds].sort(), used = state.diagram.labels.filter((l) => l !== "clients");
		this.node = this.choice("node", "node", used, (v) => state.filter({ node: v }));
		this.kind = this.choice("kind", "type", kinds, (v) => state.filter({ kind: v === "" ? undefined : v }));
		this.value = el("input", { id: "value", placeholder: records.kafka ? "such as key 6 msg 3" : "such as 17" });
		this.value.addEventListener("change", () => this.follow(this.value.value.trim()));
		this.toggles = {
			lost: this.toggle("lost only", "show lost messages only", "lost"), servers: this.toggle("servers only", "leave out messages from and to clients", "servers"),
			withoutSetup: this.toggle("without setup", "leave out init and topology", "withoutSetup"), steps: this.toggle("equal steps", "one step for each event, instead of time", "steps"),
		};
		this.rpc = button("all RPCs", "no longer follow one RPC", () => { state.filter({ rpc: undefined }); this.sync(); });
		this.rpc.hidden = true;
		this.filters = el("div", { class: "bar", role: "group", "aria-label": "filters of the diagram" },
			el("label", {}, "node", this.node), el("label", {}, "type", this.kind), el("label", {}, "follow the value", this.value),
			...Object.values(this.toggles), this.rpc, button("no filters", "remove all filters", () => this.clear()));
	}

	choice(id, label, options, changed) {
		const s = el("select", { id }, el("option", { value: "" }, "all"), ...options.map((o, i) => el("option", { value: i + 1 }, o || "(none)")));
		s.addEventListener("change", () => changed(s.value === "" ? "" : options[s.value - 1]));
		return s;
	}

	toggle(text, title, name) {
		const b = el("button", { type: "button", id: "toggle-" + name, title, "aria-pressed": !!this.state.filters[name] }, text);
		b.setAttribute("aria-pressed", String(!!this.state.filters[name]));
		b.addEventListener("click", () => {
			this.state.filter({ [name]: !this.state.filters[name] });
			this.sync();
		});
		return b;
	}

	// follow shows the messages that mention a value.
	follow(value) {
		const found = value === "" ? undefined : this.state.mentioning([value]);
		this.state.chosenOperations = found ? found.operations.slice(0, 200) : [];
		this.state.filter({ about: found?.about });
		this.state.redraw();
		if (found) this.state.say(found.about.size + " messages and " + found.operations.length + " operations mention " + value);
	}

	clear() {
		this.state.chosenOperations = [];
		this.state.filter({ node: "", kind: undefined, lost: false, about: undefined, rpc: undefined, servers: false, steps: false, withoutSetup: false });
		this.node.value = this.kind.value = "";
		this.sync("");
		this.state.choose(-1);
	}

	// sync shows the filters as they are.
	sync(value) {
		if (!this.filters) return;
		for (const [name, b] of Object.entries(this.toggles)) b.setAttribute("aria-pressed", String(!!this.state.filters[name]));
		if (value !== undefined) {
			this.value.value = value;
			this.node.value = this.kind.value = "";
		}
		this.rpc.hidden = !this.state.filters.rpc;
	}

	setTimes() {
		const from = parseFloat(this.from.value) * 1000, to = parseFloat(this.to.value) * 1000;
		if (!(from < to)) {
			this.state.say("expected two times in seconds, the first one smaller");
			return;
		}
		this.state.time.set(from, to);
		const d = this.state.diagram;
		if (d?.steps) d.range.set(d.steps.at(from) - 1, d.steps.at(to) + 1);
	}

	moved() {
		const [from, to] = this.state.diagram ? this.state.diagram.times() : [this.state.time.from, this.state.time.to];
		const digits = Math.max(1, Math.min(7, Math.ceil(-Math.log10(Math.max(to - from, 1e-4) / 1000)) + 3));
		if (document.activeElement !== this.from) this.from.value = (from / 1000).toFixed(digits);
		if (document.activeElement !== this.to) this.to.value = (to / 1000).toFixed(digits);
	}

	count(text) { this.counted.textContent = text; }
}

// Panel stands beside the diagram: the chosen message, the messages in view, and the
// logs of the nodes at the same moment.
class Panel {
	constructor(state) {
		this.state = state;
		this.time = 0;
		const names = [["detail", "Details"], ["inview", "In view"], ["logs", "Logs"]];
		this.tabs = {};
		this.panels = {};
		const bar = el("div", { class: "tabs", role: "tablist", "aria-label": "beside the diagram" });
		this.element = el("div", { class: "side" }, bar);
		names.forEach(([id, text], k) => {
			const tab = el("button", { type: "button", role: "tab", id: "tab-" + id, "aria-controls": "panel-" + id, onclick: () => this.open(id) }, text);
			tab.addEventListener("keydown", (e) => {
				const by = { ArrowRight: 1, ArrowLeft: names.length - 1 }[e.key];
				if (by) this.open(names[(k + by) % names.length][0], true);
			});
			bar.append(tab);
			this.tabs[id] = tab;
			this.panels[id] = el("div", { role: "tabpanel", id: "panel-" + id, "aria-labelledby": "tab-" + id, tabindex: 0 });
			this.element.append(this.panels[id]);
		});
		this.panels.detail.append(el("p", { class: "limit" }, "Choose a message in the diagram, or an operation in a plot, to see it here."));
		this.open("detail");
	}

	open(id, focus) {
		this.current = id;
		for (const [name, tab] of Object.entries(this.tabs)) {
			tab.setAttribute("aria-selected", String(name === id));
			tab.tabIndex = name === id ? 0 : -1;
			this.panels[name].hidden = name !== id;
		}
		if (focus) this.tabs[id].focus();
		if (id === "logs") this.showLogs();
		if (id === "inview" && this.state.diagram) this.list();
	}

	// message shows one message, with what it answers and what answers it.
	message(i) {
		const { state } = this, m = state.records.messages, panel = this.panels.detail;
		panel.replaceChildren();
		if (i < 0) return;
		if (this.current === "logs") this.showLogs();
		else this.open("detail");
		const fate = m.fate[i] >= dropped ? "lost: " + state.records.reasons[m.fate[i] - dropped] + ", at " + (m.end[i] / 1000).toFixed(6) + " s"
			: m.fate[i] === underWay ? "still under way at the end" : "arrived at " + (m.end[i] / 1000).toFixed(6) + " s, after " + durationText(m.took[i]);
		panel.append(el("dl", {}, el("dt", {}, "from"), el("dd", {}, state.name(m.src[i])), el("dt", {}, "to"), el("dd", {}, state.name(m.dest[i])),
			el("dt", {}, "sent"), el("dd", {}, (m.sent[i] / 1000).toFixed(6) + " s"), el("dt", {}, "fate"), el("dd", {}, fate)));
		const text = state.texts.body(i);
		panel.append(el("pre", { id: "json", "aria-label": "body" }, pretty(text)));
		if (m.cut[i]) panel.append(el("p", { class: "limit" }, "… and " + m.cut[i] + " bytes more, which are in the journal"));
		const go = (text, k) => el("button", { type: "button", onclick: () => { state.choose(k); state.diagram.reveal(k); } }, text);
		const bar = el("div", { class: "bar" });
		if (m.request[i] >= 0) bar.append(go("its request", m.request[i]));
		if (m.reply[i] >= 0) bar.append(go("its reply", m.reply[i]));
		if (m.request[i] >= 0 || m.reply[i] >= 0) bar.append(el("button", { type: "button", id: "follow-rpc", onclick: () => { state.filter({ rpc: new Set(state.rpc(i)) }); state.controls.sync(); } }, "only this RPC"));
		panel.append(bar);
	}

	operation(i) {
		if (i < 0) return;
		this.open("detail");
		const { state } = this, o = state.records.operations, span = o.outcome[i] === unanswered ? 1 : o.took[i];
		this.panels.detail.replaceChildren(el("dl", {}, el("dt", {}, "operation"), el("dd", {}, state.records.functions[o.f[i]]), el("dt", {}, "process"), el("dd", {}, String(o.process[i])),
			el("dt", {}, "began"), el("dd", {}, (o.begin[i] / 1000).toFixed(6) + " s"), el("dt", {}, "outcome"), el("dd", {}, outcomes[o.outcome[i]] + (o.outcome[i] === unanswered ? "" : " after " + durationText(o.took[i])))),
			el("h4", {}, "invoked with"), el("pre", {}, state.texts.invoked(i)),
			...(o.outcome[i] === unanswered ? [] : [el("h4", {}, "completed with"), el("pre", {}, state.texts.answered(i))]),
			el("div", { class: "bar" }, el("button", { type: "button", onclick: () => {
				const room = Math.max(span * 0.15, 0.05);
				state.time.set(o.begin[i] - room, o.begin[i] + span + room);
				state.filter({ steps: false });
				state.controls.sync();
			} }, "zoom to it")));
	}

	// list shows the first messages in view.
	list() {
		if (this.current !== "inview") return;
		clearTimeout(this.later);
		this.later = setTimeout(() => {
			const { state } = this, m = state.records.messages, most = 150, shown = state.diagram.some(most);
			const items = shown.map((i) => el("li", {}, el("button", { type: "button", class: m.fate[i] >= dropped ? "lost" : "", onclick: () => state.choose(i) }, state.line(i, 70))));
			this.panels.inview.replaceChildren(el("ul", { class: "list" }, ...items), ...(shown.length === most ? [el("p", { class: "limit" }, "and perhaps more: zoom in")] : []));
		}, 120);
	}

	// at moves the logs to a time.
	at(time) {
		this.time = time;
		if (this.current === "logs") this.showLogs();
	}

	async showLogs() {
		this.logs ||= readLogs(this.state.records);
		const logs = await this.logs, panel = this.panels.logs;
		if (logs.length === 0) {
			panel.replaceChildren(el("p", { class: "limit" }, "The run has no logs of nodes."));
			return;
		}
		this.node = logs.find((l) => l.node === this.node)?.node ?? logs[0].node;
		const choice = el("select", { "aria-label": "node" }, ...logs.map((l, i) => el("option", { value: i, selected: l.node === this.node }, l.node)));
		choice.addEventListener("change", () => { this.node = logs[choice.value].node; this.showLogs(); });
		const log = logs.find((l) => l.node === this.node), around = 80;
		let near = log.times.findIndex((t) => t >= this.time - 0.0005);
		if (near < 0) near = log.lines.length - 1;
		const first = Math.max(0, near - around), lines = log.lines.slice(first, near + around);
		const items = lines.map((line, k) => {
			const now = Math.abs(log.times[first + k] - this.time) <= log.precision;
			return el("li", { class: now ? "now" : "" }, line.slice(0, 2000));
		});
		panel.replaceChildren(el("div", { class: "bar" }, el("label", {}, "log of", choice), el("span", { class: "limit" }, log.timed ? "at " + timeText(this.time, 0.001) + (log.precision > 1 ? ", whose lines are precise to a second" : "") : "its lines have no times")), el("ul", { class: "log" }, ...items));
		items[near - first]?.scrollIntoView({ block: "nearest" });
	}
}

// pretty indents JSON. Numbers that a script cannot hold exactly stay as they are.
function pretty(text) {
	if (/\d{16}/.test(text)) return text;
	try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

// readLogs gives each line of the logs its time: what the simulation wrote before it,
// or else a date, counted from the first one of the run.
async function readLogs(records) {
	const logs = JSON.parse(new TextDecoder().decode(await unpack("logs")));
	const own = /^ *(\d+\.\d{6}) /, date = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d):(\d\d):(\d\d(?:\.\d+)?)/;
	let first = Infinity;
	for (const log of logs) {
		log.lines = (log.head + (log.cut ? "\n… " + log.cut + " bytes are left out …\n" : "") + log.tail).split("\n");
		if (log.lines[log.lines.length - 1] === "") log.lines.pop();
		let last = 0, kind = 0;
		log.times = log.lines.map((line) => {
			const a = own.exec(line), b = a ? undefined : date.exec(line);
			if (a) { kind = 1; last = a[1] * 1000; }
			else if (b && kind !== 1) { kind = 2; last = Date.UTC(b[1], b[2] - 1, b[3], b[4], b[5], 0) + b[6] * 1000; first = Math.min(first, last); }
			return last;
		});
		log.kind = kind;
	}
	for (const log of logs) {
		log.timed = log.kind > 0;
		log.precision = log.kind === 2 ? 500 : 0.0005;
		if (log.kind === 2) log.times = log.times.map((t) => Math.max(0, t - first));
	}
	return logs;
}

function plot(title, drawing, ...more) {
	return el("div", { class: "plot" }, el("h3", {}, title, ...more), drawing.canvas);
}

async function main() {
	readColours();
	const records = await readRecords(), texts = await readTexts(records);
	const state = new State(records, texts);
	const { messages: m, operations: o } = records;
	state.panel = new Panel(state);
	if (m.count) state.diagram = new Diagram(state.time, state);
	state.controls = new Controls(state);
	state.time.changed = () => state.moved();
	if (state.diagram) state.diagram.filter(state.filters);
	const bench = document.getElementById("workbench"), sticky = el("div", { id: "controls" }, state.controls.view, state.says);
	bench.append(sticky);
	if (o.count) {
		const latency = new Latency(state.time, state);
		const toggle = el("button", { type: "button", id: "quantiles", "aria-pressed": "false" }, "quantiles");
		toggle.addEventListener("click", () => {
			latency.quantiles = !latency.quantiles;
			toggle.setAttribute("aria-pressed", String(latency.quantiles));
			latency.range.redraw();
		});
		bench.append(plot("Latency", latency, legend(o), toggle), plot("Rate", new Rate(state.time, state)), plot("Operations of each worker", new Bars(state.time, state)));
		latency.canvas.id = "latency";
	}
	if (state.diagram) {
		state.diagram.canvas.id = "diagram";
		bench.append(el("div", { class: "plot" },
			el("h3", {}, "Messages", el("span", { class: "legend" }, el("span", {}, "━► request"), el("span", {}, "─> reply"), el("span", {}, "╌✕ lost"), el("span", {}, "┅ cut off by a partition"), el("span", {}, "● first got the value"))),
			state.controls.filters, state.controls.counted,
			el("div", { class: "split" }, el("div", { class: "lanes" }, state.diagram.canvas), state.panel.element)));
	} else {
		bench.append(state.panel.element);
	}
	for (const links of document.querySelectorAll(".links")) links.hidden = false;
	document.addEventListener("click", (e) => {
		const b = e.target.closest?.("button[data-finding]");
		if (!b) return;
		state.explain(records.findings[b.dataset.finding].Examples[b.dataset.example]);
		(state.diagram?.canvas ?? bench).scrollIntoView({ block: "center" });
		state.diagram?.canvas.focus({ preventScroll: true });
	});
	document.addEventListener("focusin", (e) => {
		const cell = document.getElementById("cell");
		if (cell && e.target.matches?.(".matrix td")) cell.textContent = e.target.parentElement.firstElementChild.textContent + ": " + e.target.title;
	});
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); state.redraw(); });
	document.getElementById("loading").hidden = true;
	bench.hidden = false;
	bench.dataset.ready = "true";
	state.redraw();
	state.moved();
	requestAnimationFrame(() => setTimeout(() => performance.mark("drawn"))); // for who measures it
}

main().catch((error) => {
	document.getElementById("loading").textContent = "The records in this page cannot be read: " + error.message + ". It needs a browser of 2023 or later.";
	throw error;
});
