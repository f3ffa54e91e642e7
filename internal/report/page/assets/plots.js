// plots.js draws the operations of clients: their latency, their rate, and each of
// them as a bar.

// mark draws a point whose shape tells the outcome: a dot for ok, a cross for fail, a
// triangle for an unknown outcome, an open circle for none.
function mark(c, outcome, x, y, r) {
	c.beginPath();
	switch (outcome) {
		case ok:
			c.arc(x, y, r * 0.8, 0, 7);
			c.fill();
			return;
		case fail:
			c.moveTo(x - r, y - r); c.lineTo(x + r, y + r); c.moveTo(x + r, y - r); c.lineTo(x - r, y + r);
			break;
		case info:
			c.moveTo(x, y - r * 1.2); c.lineTo(x + r * 1.1, y + r * 0.8); c.lineTo(x - r * 1.1, y + r * 0.8); c.closePath();
			break;
		default:
			c.arc(x, y, r, 0, 7);
	}
	c.stroke();
}

function outcomeColour(outcome) {
	return [colour.dim, colour.request, colour.bad, colour.unknown][outcome];
}

// legend explains the marks of the outcomes that occur.
function legend(operations) {
	const shapes = ["○", "●", "✕", "△"];
	const seen = new Set(operations.outcome);
	const box = el("span", { class: "legend" });
	for (const o of [ok, fail, info, unanswered]) if (seen.has(o)) box.append(el("span", {}, shapes[o] + " " + outcomes[o]));
	box.append(el("span", {}, "▒ faults"));
	return box;
}

// firstAfter is the first operation that begins at a time or later.
function firstAfter(operations, time) {
	let low = 0, high = operations.count;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (operations.begin[middle] < time) low = middle + 1;
		else high = middle;
	}
	return low;
}

// quantile is that of checkers.Quantile.
function quantile(sorted, p) {
	return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))];
}

// Latency draws how long operations took, on a logarithmic axis.
class Latency extends Drawing {
	constructor(range, state) {
		super(range, "latency of the operations over time, on a logarithmic axis; the table of operations below has the figures", 260);
		this.state = state;
		let least = Infinity, most = 0;
		const { took, outcome, count } = state.records.operations;
		for (let i = 0; i < count; i++) {
			if (outcome[i] === unanswered || took[i] <= 0) continue;
			least = Math.min(least, took[i]);
			most = Math.max(most, took[i]);
		}
		this.least = Math.log10(least === Infinity ? 0.1 : least) - 0.15;
		this.most = Math.max(Math.log10(most || 1) + 0.15, this.least + 1);
		this.quantiles = false;
	}

	y(ms) {
		const at = (Math.log10(Math.max(ms, 1e-6)) - this.least) / (this.most - this.least);
		return this.height - 20 - Math.max(0, at) * (this.height - 40);
	}

	draw(c, w, h) {
		const { operations: o, faults } = this.state.records;
		this.drawTimes(c, 4, h - 20);
		this.drawFaults(c, faults, 4, h - 20);
		c.textAlign = "right";
		c.fillStyle = colour.dim;
		c.strokeStyle = colour.line;
		c.beginPath();
		for (let power = Math.ceil(this.least); power <= this.most; power++) {
			const y = Math.round(this.y(10 ** power)) + 0.5;
			c.moveTo(left, y);
			c.lineTo(w - right, y);
			c.fillText(durationText(10 ** power), left - 8, y);
		}
		c.stroke();
		const from = firstAfter(o, this.range.from - (this.range.to - this.range.from) * 0.01), to = firstAfter(o, this.range.to + (this.range.to - this.range.from) * 0.01);
		this.clip(c, 0, h - 19, () => (this.quantiles ? this.drawQuantiles(c, from, to) : this.drawPoints(c, from, to)));
		this.canvas.dataset.operations = to - from;
	}

	drawPoints(c, from, to) {
		const { operations: o } = this.state.records;
		const columns = Math.ceil(this.width / 2) + 2, taken = new Uint8Array(columns * Math.ceil(this.height / 2 + 2));
		const scale = (this.width - left - right) / (this.range.to - this.range.from), shift = left - this.range.from * scale;
		c.lineWidth = 1.5;
		for (const outcome of [ok, unanswered, info, fail]) {
			c.fillStyle = c.strokeStyle = outcomeColour(outcome);
			for (let i = from; i < to; i++) {
				if (o.outcome[i] !== outcome) continue;
				const x = o.begin[i] * scale + shift, y = outcome === unanswered ? 12 : this.y(o.took[i]);
				const cell = Math.max(0, y >> 1) * columns + Math.max(0, x >> 1);
				if (taken[cell] >> outcome & 1) continue; // the same mark is there already
				taken[cell] |= 1 << outcome;
				mark(c, outcome, x, y, outcome === ok ? 3 : 4);
			}
		}
		c.strokeStyle = colour.chosen;
		c.lineWidth = 2;
		for (const i of this.state.chosenOperations) {
			c.beginPath();
			c.arc(this.x(o.begin[i]), this.y(o.took[i]), 8, 0, 7);
			c.stroke();
		}
	}

	// drawQuantiles draws the quantiles of the operations that begin within each of
	// some forty windows.
	drawQuantiles(c, from, to) {
		const { operations: o } = this.state.records;
		const step = niceStep((this.range.to - this.range.from) / 40), windows = new Map();
		for (let i = from; i < to; i++) {
			if (o.outcome[i] === unanswered) continue;
			const k = Math.floor(o.begin[i] / step);
			if (!windows.has(k)) windows.set(k, []);
			windows.get(k).push(o.took[i]);
		}
		for (const list of windows.values()) list.sort((a, b) => a - b);
		const keys = [...windows.keys()].sort((a, b) => a - b);
		for (const [p, dash, name] of [[0.5, [], "median"], [0.95, [8, 3], "95 %"], [0.99, [3, 3], "99 %"], [1, [1, 3], "largest"]]) {
			c.strokeStyle = c.fillStyle = p === 0.5 ? colour.request : colour.ink;
			c.lineWidth = 1.6;
			c.setLineDash(dash);
			c.beginPath();
			keys.forEach((k, n) => {
				const x = this.x((k + 0.5) * step), y = this.y(quantile(windows.get(k), p));
				if (n === 0 || keys[n - 1] !== k - 1) c.moveTo(x - 2, y);
				c.lineTo(x + 2, y);
			});
			c.stroke();
			c.setLineDash([]);
			const last = keys[keys.length - 1];
			c.textAlign = "right";
			if (last !== undefined) c.fillText(name, this.width - right - 4, this.y(quantile(windows.get(last), p)) - 8);
		}
	}

	// nearest returns the operation that is drawn at a point.
	nearest(x, y) {
		const { operations: o } = this.state.records;
		const reach = (8 / (this.width - left - right)) * (this.range.to - this.range.from), t = this.value(x);
		let best = -1, least = 81;
		for (let i = firstAfter(o, t - reach); i < o.count && o.begin[i] <= t + reach; i++) {
			const d = (this.x(o.begin[i]) - x) ** 2 + ((o.outcome[i] === unanswered ? 12 : this.y(o.took[i])) - y) ** 2;
			if (d < least) [best, least] = [i, d];
		}
		return best;
	}

	hover(x, y, event) {
		const i = this.nearest(x, y);
		this.state.hint(i < 0 ? "" : this.state.operationText(i), event);
	}

	click(x, y) { this.state.chooseOperation(this.nearest(x, y)); }
}

// Rate draws how many operations a second ended, by outcome.
class Rate extends Drawing {
	constructor(range, state) {
		super(range, "operations a second over time, by outcome", 150);
		this.state = state;
	}

	draw(c, w, h) {
		const { operations: o, faults } = this.state.records;
		this.drawTimes(c, 4, h - 20);
		this.drawFaults(c, faults, 4, h - 20);
		const span = this.range.to - this.range.from, step = niceStep(span / 60);
		const begin = Math.floor(this.range.from / step), length = Math.ceil(this.range.to / step) - begin + 1;
		const counts = [0, 1, 2, 3].map(() => new Float64Array(length));
		for (let i = firstAfter(o, begin * step); i < o.count && o.begin[i] < this.range.to; i++) counts[o.outcome[i]][Math.floor(o.begin[i] / step) - begin]++;
		let most = 0;
		for (const list of counts) for (let i = 0; i < length; i++) most = Math.max(most, (list[i] *= 1000 / step));
		const top = niceStep(Math.max(most, 0.001) * 1.05), y = (v) => h - 20 - (v / top) * (h - 34);
		c.fillStyle = colour.dim;
		c.strokeStyle = colour.line;
		c.textAlign = "right";
		c.beginPath();
		for (const v of [0, top / 2, top]) {
			c.fillText(+v.toPrecision(3) + " /s", left - 8, y(v));
			c.moveTo(left, Math.round(y(v)) + 0.5);
			c.lineTo(w - right, Math.round(y(v)) + 0.5);
		}
		c.stroke();
		this.clip(c, 0, h - 19, () => {
			for (const [outcome, dash] of [[ok, []], [fail, [8, 3]], [info, [3, 3]], [unanswered, [1, 3]]]) {
				if (!counts[outcome].some((n) => n > 0)) continue;
				c.strokeStyle = outcomeColour(outcome);
				c.lineWidth = 1.8;
				c.setLineDash(dash);
				c.beginPath();
				for (let i = 0; i < length; i++) {
					c.lineTo(this.x((begin + i) * step), y(counts[outcome][i]));
					c.lineTo(this.x((begin + i + 1) * step), y(counts[outcome][i]));
				}
				c.stroke();
			}
			c.setLineDash([]);
		});
	}
}

// Bars draws each operation as a bar on the line of its worker.
class Bars extends Drawing {
	constructor(range, state) {
		super(range, "operations of each worker over time, as bars", 60);
		this.state = state;
		const { operations: o, concurrency } = state.records;
		const lanes = new Map();
		this.lane = o.process.map((p) => {
			const worker = concurrency ? p % concurrency : p;
			if (!lanes.has(worker)) lanes.set(worker, 0);
			return worker;
		});
		this.workers = [...lanes.keys()].sort((a, b) => a - b);
		this.workers.forEach((w, i) => lanes.set(w, i));
		this.lane = this.lane.map((w) => lanes.get(w));
		this.step = Math.max(3, Math.min(18, 420 / Math.max(1, this.workers.length)));
		this.height = 24 + this.step * this.workers.length + 4;
		this.longest = new Float64Array(this.workers.length);
		for (let i = 0; i < o.count; i++) if (o.outcome[i] !== unanswered) this.longest[this.lane[i]] = Math.max(this.longest[this.lane[i]], o.took[i]);
		this.reach = this.longest.reduce((a, b) => Math.max(a, b), 0);
	}

	y(lane) { return 4 + this.step * lane; }

	draw(c, w, h) {
		const { operations: o, faults, nodes } = this.state.records;
		this.drawTimes(c, 4, h - 20);
		this.drawFaults(c, faults, 4, h - 20);
		c.textAlign = "right";
		c.fillStyle = colour.dim;
		if (this.step >= 12) {
			this.workers.forEach((worker, i) => {
				const node = nodes.length ? " · " + nodes[worker % nodes.length] : "";
				c.fillText("worker " + worker + node, left - 6, this.y(i) + this.step / 2);
			});
		}
		const bar = Math.max(2, this.step - 4), covered = this.workers.map(() => -1);
		this.clip(c, 0, h - 19, () => {
			for (let i = firstAfter(o, this.range.from - this.reach); i < o.count && o.begin[i] <= this.range.to; i++) {
				const lane = this.lane[i], begin = this.x(o.begin[i]);
				const end = o.outcome[i] === unanswered ? w : this.x(o.begin[i] + o.took[i]);
				if (end < left) continue;
				const wide = Math.max(1.5, end - begin);
				if (wide < 2 && o.outcome[i] === ok && begin < covered[lane]) continue;
				covered[lane] = begin + 1;
				this.bar(c, o.outcome[i], begin, this.y(lane) + 1, wide, bar);
			}
			c.strokeStyle = colour.chosen;
			c.lineWidth = 2.5;
			for (const i of this.state.chosenOperations) {
				const begin = this.x(o.begin[i]);
				c.strokeRect(begin - 2, this.y(this.lane[i]) - 1, Math.max(5, (o.outcome[i] === unanswered ? w : this.x(o.begin[i] + o.took[i])) - begin + 4), bar + 4);
			}
		});
	}

	// bar draws ok filled, fail filled with a cross, an unknown outcome open.
	bar(c, outcome, x, y, wide, high) {
		c.fillStyle = c.strokeStyle = outcomeColour(outcome);
		c.lineWidth = 1.5;
		if (outcome === ok || wide < 4) {
			c.fillRect(x, y, wide, high);
			return;
		}
		c.strokeRect(x + 0.75, y + 0.75, wide - 1.5, high - 1.5);
		if (outcome === fail) mark(c, fail, x + Math.min(wide / 2, 8), y + high / 2, Math.min(4, high / 3));
	}

	nearest(x, y) {
		const { operations: o } = this.state.records;
		const lane = Math.floor((y - 4) / this.step), t = this.value(x), reach = (4 / (this.width - left - right)) * (this.range.to - this.range.from);
		let best = -1, least = Infinity;
		for (let i = firstAfter(o, t - this.reach - reach); i < o.count && o.begin[i] <= t + reach; i++) {
			if (this.lane[i] !== lane) continue;
			const end = o.outcome[i] === unanswered ? Infinity : o.begin[i] + o.took[i];
			const d = t < o.begin[i] ? o.begin[i] - t : Math.max(0, t - end);
			if (d <= reach && d <= least) [best, least] = [i, d];
		}
		return best;
	}

	hover(x, y, event) {
		const i = this.nearest(x, y);
		this.state.hint(i < 0 ? "" : this.state.operationText(i), event);
	}

	click(x, y) { this.state.chooseOperation(this.nearest(x, y)); }
}
