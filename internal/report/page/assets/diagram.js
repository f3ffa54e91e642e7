// diagram.js draws the Lamport diagram: a line for each node, an arrow for each
// message, time from left to right.

// Beyond so many arrows in view, only every second, fourth, … is drawn, the same ones
// wherever the view moves; with fewer than so many, each has its text.
const mostArrows = 2200, fewArrows = 45;

const blockSize = 512;

// Places says where on an axis each of some messages begins and ends. They are sorted
// by where they begin; latest is the farthest end within each block of them, by which
// those in view are found.
class Places {
	constructor(begin, end) {
		Object.assign(this, { begin, end });
		this.latest = new Float64Array(Math.ceil(begin.length / blockSize)).fill(-Infinity);
		end.forEach((e, k) => {
			const block = Math.floor(k / blockSize);
			if (e > this.latest[block]) this.latest[block] = e;
		});
	}

	// after is the number of messages that begin at a place or before it.
	after(place) { return sortedAfter(this.begin, place); }

	// first is the first message of the first block that has not ended at a place.
	first(place) {
		const block = this.latest.findIndex((e) => e >= place);
		return block < 0 ? this.begin.length : block * blockSize;
	}
}

// sortedAfter is the number of values in a sorted array that are at most a value.
function sortedAfter(values, value) {
	let low = 0, high = values.length;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (values[middle] <= value) low = middle + 1;
		else high = middle;
	}
	return low;
}

// Selection is the messages that pass the filters, in the order in which they were
// sent.
class Selection {
	constructor(m, keep) {
		this.list = m.order.filter(keep);
		this.position = new Int32Array(m.count).fill(-1);
		this.list.forEach((i, k) => (this.position[i] = k));
		this.places = new Places(Float64Array.from(this.list, (i) => m.sent[i]), Float64Array.from(this.list, (i) => m.end[i]));
	}
}

// Steps places events one after the other in equal steps, those of one instant too.
class Steps {
	constructor({ list }, m) {
		const times = new Float64Array(list.length * 2);
		let n = 0;
		for (const i of list) {
			times[n++] = m.sent[i];
			if (m.fate[i] !== underWay && m.took[i] > 0) times[n++] = m.end[i];
		}
		this.times = times.slice(0, n).sort();
		const used = new Int32Array(n + 1);
		const take = (t) => {
			const first = this.at(t);
			return first + used[first]++;
		};
		const begin = new Float64Array(list.length), end = new Float64Array(list.length);
		list.forEach((i, k) => {
			begin[k] = take(m.sent[i]);
			end[k] = m.fate[i] === underWay ? Infinity : m.took[i] > 0 ? take(m.end[i]) : begin[k];
		});
		this.places = new Places(begin, end);
	}

	// at is the number of events before a time.
	at(time) {
		let low = 0, high = this.times.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.times[middle] < time) low = middle + 1;
			else high = middle;
		}
		return low;
	}
}

class Diagram extends Drawing {
	constructor(range, state) {
		super(range, "Lamport diagram of the messages. Arrow keys move it, plus and minus zoom, 0 shows the whole run, n and p choose the next and the previous message.", 120);
		this.state = state;
		this.time = range;
		this.lanes();
		this.filter({});
	}

	// lanes gives every node and service a line; all clients share the first.
	lanes() {
		const { names, clients, messages: m } = this.state.records;
		const used = new Set([...m.src, ...m.dest]);
		const ids = names.map((_, i) => i).filter((i) => used.has(i) && !clients[i]);
		const service = (id) => /^(lin-kv|seq-kv|lww-kv|lin-tso)$/.test(id);
		const number = (id) => +(/\d+$/.exec(id) || [0])[0];
		ids.sort((a, b) => service(names[a]) - service(names[b]) || number(names[a]) - number(names[b]) || (names[a] < names[b] ? -1 : 1));
		const some = clients.some((c, i) => c && used.has(i));
		this.labels = (some ? ["clients"] : []).concat(ids.map((i) => names[i]));
		this.lane = new Int32Array(names.length);
		ids.forEach((i, k) => (this.lane[i] = k + (some ? 1 : 0)));
		this.gap = Math.max(22, Math.min(64, 460 / Math.max(1, this.labels.length - 1)));
		this.height = 30 + this.gap * Math.max(1, this.labels.length - 1) + 52;
		this.laneOf = new Map(this.labels.map((l, i) => [l, i]));
	}

	laneY(lane) { return 34 + this.gap * lane; }

	// filter chooses the messages: of a node, of a type, lost ones, those that mention a
	// value (a set of messages), those of one RPC (likewise).
	filter(f) {
		const { messages: m, names, kinds } = this.state.records;
		const setup = new Set(["init", "init_ok", "topology", "topology_ok"].map((k) => kinds.indexOf(k)).filter((k) => k >= 0));
		const node = f.node ? names.indexOf(f.node) : -1, kind = f.kind !== undefined ? kinds.indexOf(f.kind) : -1;
		this.selection = new Selection(m, (i) =>
			(!f.node || m.src[i] === node || m.dest[i] === node) && (kind < 0 || m.kind[i] === kind) &&
			(!f.lost || m.fate[i] >= dropped || m.fate[i] === underWay) && (!f.about || f.about.has(i)) && (!f.rpc || f.rpc.has(i)) &&
			(!f.withoutSetup || !setup.has(m.kind[i])) && (!f.servers || !(this.state.records.clients[m.src[i]] || this.state.records.clients[m.dest[i]])));
		this.knows = f.about ? this.firstMentions(f.about) : undefined;
		this.steps = undefined;
		if (f.steps) {
			this.steps = new Steps(this.selection, m);
			this.show(new Range(-1, Math.max(2, this.steps.times.length + 1), 2));
			const from = this.steps.at(this.time.from), to = this.steps.at(this.time.to);
			if (to - from >= 2) this.range.set(from - 1, to + 1);
		} else {
			this.show(this.time);
		}
		this.places = (this.steps || this.selection).places;
		this.range.redraw();
	}

	// show draws another range.
	show(range) {
		this.range.drawings.delete(this);
		this.range = range;
		range.drawings.add(this);
		range.changed ||= () => this.state.moved();
	}

	// firstMentions is when each line first got a message that mentions the value.
	firstMentions(about) {
		const { messages: m } = this.state.records, first = new Map();
		for (const i of about) {
			if (this.state.records.clients[m.dest[i]]) continue;
			const lane = this.lane[m.dest[i]];
			if (m.fate[i] === arrived && (!first.has(lane) || m.end[i] < m.end[first.get(lane)])) first.set(lane, i);
		}
		return first;
	}

	// inView is the first message in view and the number of those up to the last. Some
	// between them may have ended already.
	inView() { return [this.places.first(this.range.from), this.places.after(this.range.to)]; }

	// some lists the first messages in view, at most so many.
	some(most) {
		const [first, last] = this.inView(), out = [];
		for (let k = first; k < last && out.length < most; k++) if (this.places.end[k] >= this.range.from) out.push(this.selection.list[k]);
		return out;
	}

	// times are the times between which the diagram shows the run.
	times() {
		if (!this.steps) return [this.range.from, this.range.to];
		const { times } = this.steps, last = times.length - 1;
		const at = (n) => times[Math.max(0, Math.min(last, Math.round(n)))] ?? 0;
		return [at(this.range.from), at(this.range.to)];
	}

	draw(c, w, h) {
		const [first, last] = this.inView(), bottom = h - 20, count = last - first;
		let stride = 1;
		while (count / stride > mostArrows) stride *= 2;
		const { faults } = this.state.records;
		if (this.steps) this.drawStepTimes(c, 4, bottom);
		else this.drawTimes(c, 4, bottom);
		this.drawFaults(c, faults, 4, bottom, this.steps ? (t) => this.x(this.steps.at(t) - 0.5) : undefined);
		this.drawLanes(c, w);
		this.clip(c, 0, bottom + 1, () => {
			this.drawChosenTime(c, bottom);
			this.drawCuts(c, faults);
			if (stride > 1) this.drawDensity(c, first, last, Math.max(1, stride / 16));
			this.drawArrows(c, first, last, stride);
			this.drawKnowledge(c);
		});
		Object.assign(this.canvas.dataset, { view: count, drawn: this.drawn.length, stride });
		this.state.shows(stride > 1 ? count : this.drawn.length, stride);
	}

	drawStepTimes(c, top, bottom) {
		const { times } = this.steps, every = Math.max(1, Math.ceil(((this.range.to - this.range.from) * 105) / (this.width - left - right)));
		c.fillStyle = colour.dim;
		c.textAlign = "center";
		for (let n = Math.max(0, Math.ceil(this.range.from / every) * every); n <= Math.min(times.length - 1, this.range.to); n += every) {
			if (this.x(n) > left + 10 && this.x(n) < this.width - right - 20) c.fillText((times[n] / 1000).toFixed(6) + " s", this.x(n), bottom + 9);
		}
	}

	drawLanes(c, w) {
		c.strokeStyle = colour.line;
		c.lineWidth = 1.5;
		c.textAlign = "right";
		c.beginPath();
		this.labels.forEach((label, i) => {
			const y = this.laneY(i);
			c.moveTo(left, y);
			c.lineTo(w - right, y);
			c.fillStyle = colour.ink;
			c.fillText(label.length > 12 ? label.slice(0, 11) + "…" : label, left - 8, y);
			if (this.knows && label !== "clients" && !this.knows.has(i)) {
				c.fillStyle = colour.lost;
				c.fillText("✕ never got it", left - 8, y + 13);
			}
		});
		c.stroke();
	}

	// drawCuts draws, on the line of each node, whom it does not hear.
	drawCuts(c, faults) {
		c.textAlign = "left";
		for (const fault of faults) {
			const toX = this.steps ? (t) => this.x(this.steps.at(t) - 0.5) : (t) => this.x(t);
			const from = Math.max(left, toX(fault.from)), to = fault.to < 0 ? this.width : Math.min(this.width, toX(fault.to));
			if (to <= from) continue;
			for (const [node, others] of Object.entries(fault.cut || {})) {
				const lane = this.laneOf.get(node);
				if (lane === undefined) continue;
				const y = this.laneY(lane);
				c.strokeStyle = colour["fault-ink"];
				c.lineWidth = 5;
				c.setLineDash([2, 3]);
				c.beginPath();
				c.moveTo(from, y);
				c.lineTo(to, y);
				c.stroke();
				c.setLineDash([]);
				const text = "hears nothing from " + others.sort().join(", ");
				c.fillStyle = colour["fault-ink"];
				c.font = "11px system-ui, sans-serif";
				if (this.gap >= 26 && c.measureText(text).width < to - from - 12) c.fillText(text, from + 6, y + 10);
				c.font = "12px system-ui, sans-serif";
			}
		}
	}

	drawChosenTime(c, bottom) {
		const { chosenOperations: chosen, records: { operations: o } } = this.state;
		c.fillStyle = c.strokeStyle = colour.chosen;
		c.lineWidth = 1;
		c.setLineDash([4, 3]);
		for (const i of chosen) {
			const edges = [o.begin[i]].concat(o.outcome[i] === unanswered ? [] : [o.begin[i] + o.took[i]]);
			c.beginPath();
			for (const t of edges) {
				const x = this.steps ? this.x(this.steps.at(t) - 0.5) : this.x(t);
				c.moveTo(x, 18);
				c.lineTo(x, bottom);
			}
			c.stroke();
		}
		c.setLineDash([]);
	}

	// drawDensity shows how much each node sends where not every arrow is drawn. It
	// counts one in so many messages.
	drawDensity(c, first, last, every) {
		const { src } = this.state.records.messages, { list } = this.selection, { begin } = this.places;
		const wide = 3, columns = Math.ceil(this.width / wide), counts = new Float64Array(columns * this.labels.length);
		const scale = (this.width - left - right) / (this.range.to - this.range.from) / wide, shift = left / wide - this.range.from * scale;
		let most = 1;
		for (let k = Math.ceil(first / every) * every; k < last; k += every) {
			const column = Math.floor(begin[k] * scale + shift);
			if (column < 0) continue;
			const n = ++counts[this.lane[src[list[k]]] * columns + column];
			if (n > most) most = n;
		}
		c.fillStyle = colour.request;
		for (let lane = 0; lane < this.labels.length; lane++) {
			const y = this.laneY(lane), high = this.gap * 0.42;
			for (let column = 0; column < columns; column++) {
				const n = counts[lane * columns + column];
				if (n > 0) c.fillRect(column * wide, y, wide - 1, Math.max(1, (n / most) * high));
			}
		}
	}

	// drawArrows draws one in so many messages, and keeps where they are.
	drawArrows(c, first, last, stride) {
		const { messages: m } = this.state.records, { list, position } = this.selection;
		this.drawn = [];
		const groups = { request: [], reply: [], lost: [] };
		for (let k = Math.ceil(first / stride) * stride; k < last; k += stride) {
			if (this.places.end[k] < this.range.from) continue;
			const i = list[k], a = this.arrow(i, k);
			this.drawn.push(a);
			if (m.fate[i] >= dropped || m.fate[i] === underWay) groups.lost.push(a);
			else if (m.request[i] >= 0) groups.reply.push(a);
			else groups.request.push(a);
		}
		c.globalAlpha = stride > 1 ? 0.35 : 1;
		for (const [name, dash, wide] of [["reply", [], 1], ["request", [], 1.4], ["lost", [5, 3], 1.6]]) {
			c.strokeStyle = c.fillStyle = colour[name];
			c.lineWidth = wide;
			c.setLineDash(dash);
			c.beginPath();
			for (const a of groups[name]) {
				c.moveTo(a.x1, a.y1);
				c.lineTo(a.x2, a.y2);
			}
			c.stroke();
			c.setLineDash([]);
			c.beginPath();
			for (const a of groups[name]) this.head(c, a, name);
			if (name === "request") c.fill();
			else c.stroke();
		}
		c.globalAlpha = 1;
		for (const i of this.state.related) if (position[i] >= 0) this.emphasise(c, this.arrow(i, position[i]));
		if (this.drawn.length <= fewArrows && stride === 1) for (const a of this.drawn) this.label(c, a);
	}

	// arrow is where a message is drawn. One that was lost ends before its receiver.
	arrow(i, k) {
		const { messages: m } = this.state.records;
		const y1 = this.laneY(this.lane[m.src[i]]), y2 = this.laneY(this.lane[m.dest[i]]), lost = m.fate[i] >= dropped;
		const x1 = this.x(this.places.begin[k]), end = this.places.end[k], x2 = isFinite(end) ? this.x(end) : this.width;
		if (!lost) return { i, x1, y1, x2, y2 };
		const bend = x2 - x1 < 12 ? 12 : 0;
		return { i, x1, y1, x2: x1 + (x2 - x1) * 0.7 + bend, y2: y1 + (y2 - y1) * 0.7 };
	}

	// head ends an arrow: filled for a request, open for a reply, a cross for a loss.
	head(c, a, name) {
		if (name === "lost") {
			const r = 4;
			if (this.state.records.messages.fate[a.i] === underWay) return;
			c.moveTo(a.x2 - r, a.y2 - r); c.lineTo(a.x2 + r, a.y2 + r);
			c.moveTo(a.x2 + r, a.y2 - r); c.lineTo(a.x2 - r, a.y2 + r);
			return;
		}
		const length = Math.hypot(a.x2 - a.x1, a.y2 - a.y1) || 1, ux = (a.x2 - a.x1) / length, uy = (a.y2 - a.y1) / length, r = Math.min(7, length / 2);
		c.moveTo(a.x2 - r * (ux - uy * 0.45), a.y2 - r * (uy + ux * 0.45));
		c.lineTo(a.x2, a.y2);
		c.lineTo(a.x2 - r * (ux + uy * 0.45), a.y2 - r * (uy - ux * 0.45));
	}

	emphasise(c, a) {
		c.strokeStyle = c.fillStyle = colour.chosen;
		c.lineWidth = a.i === this.state.chosen ? 4 : 2.5;
		c.beginPath();
		c.moveTo(a.x1, a.y1);
		c.lineTo(a.x2, a.y2);
		c.stroke();
		c.beginPath();
		c.arc(a.x1, a.y1, 4, 0, 7);
		c.fill();
	}

	// label writes the text of a message along its arrow.
	label(c, a) {
		const text = this.state.brief(a.i, 34), length = Math.hypot(a.x2 - a.x1, a.y2 - a.y1);
		let angle = Math.atan2(a.y2 - a.y1, a.x2 - a.x1);
		if (angle > Math.PI / 2 || angle < -Math.PI / 2) angle += Math.PI;
		const x1 = Math.max(a.x1, left), x2 = Math.min(a.x2, this.width);
		const at = a.x2 > a.x1 ? Math.max(0, Math.min(1, ((x1 + x2) / 2 - a.x1) / (a.x2 - a.x1))) : 0.5;
		c.save();
		c.translate(a.x1 + (a.x2 - a.x1) * at, a.y1 + (a.y2 - a.y1) * at);
		c.rotate(angle);
		c.font = "11px system-ui, sans-serif";
		c.textAlign = "center";
		c.lineWidth = 3;
		c.strokeStyle = colour.bg;
		c.fillStyle = colour.ink;
		const shown = length < 60 ? "" : c.measureText(text).width > length ? text.slice(0, Math.floor(length / 6)) + "…" : text;
		c.strokeText(shown, 0, -7);
		c.fillText(shown, 0, -7);
		c.restore();
	}

	// drawKnowledge marks where each node first got the value.
	drawKnowledge(c) {
		c.fillStyle = colour.good;
		c.strokeStyle = colour.bg;
		for (const [lane, i] of this.knows || []) {
			const k = this.selection.position[i];
			if (k < 0) continue;
			c.lineWidth = 2;
			c.beginPath();
			c.arc(this.x(this.places.end[k]), this.laneY(lane), 6, 0, 7);
			c.fill();
			c.stroke();
		}
	}

	// nearest returns the message whose arrow is nearest to a point.
	nearest(x, y) {
		let best = -1, least = 49;
		for (const a of this.drawn || []) {
			const dx = a.x2 - a.x1, dy = a.y2 - a.y1, at = Math.max(0, Math.min(1, ((x - a.x1) * dx + (y - a.y1) * dy) / (dx * dx + dy * dy || 1)));
			const d = (a.x1 + dx * at - x) ** 2 + (a.y1 + dy * at - y) ** 2;
			if (d < least) [best, least] = [a.i, d];
		}
		return best;
	}

	hover(x, y, event) {
		const i = this.nearest(x, y);
		this.state.hint(i < 0 ? "" : this.state.line(i, 160), event);
	}

	click(x, y) {
		const i = this.nearest(x, y);
		if (i >= 0) this.state.choose(i);
		else this.state.chooseTime(this.steps ? this.steps.times[Math.round(this.value(x))] ?? 0 : this.value(x));
	}

	keys() {
		return { n: () => this.next(1), p: () => this.next(-1), Escape: () => this.state.choose(-1) };
	}

	// next chooses the message after, or before, the chosen one, and brings it into view.
	next(by) {
		const { list, position } = this.selection, [first, last] = this.inView();
		if (list.length === 0) return;
		const at = this.state.chosen >= 0 ? position[this.state.chosen] : -1;
		let k = at >= 0 ? at + by : by > 0 ? first : last - 1;
		k = Math.max(0, Math.min(list.length - 1, k));
		this.state.choose(list[k]);
		this.reveal(list[k]);
	}

	// reveal moves the view to a message that is outside.
	reveal(i) {
		const begin = this.places.begin[this.selection.position[i]], { from, to } = this.range;
		if (begin < from || begin > to) this.range.set(begin - (to - from) / 2, begin + (to - from) / 2);
	}
}
