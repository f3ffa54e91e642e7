// time.js has the axis of time that all plots and the diagram share, and what they
// have in common as drawings.

// el makes an element. Strings become text, never markup.
function el(name, attributes = {}, ...children) {
	const e = document.createElement(name);
	for (const [key, value] of Object.entries(attributes)) {
		if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
		else if (value === true) e.setAttribute(key, "");
		else if (value !== false && value !== undefined) e.setAttribute(key, value);
	}
	e.append(...children.filter((c) => c !== undefined));
	return e;
}

// icon draws a sign of strokes within 10 by 10, which needs no font.
function icon(path) {
	const make = (name, attributes) => {
		const e = document.createElementNS("http://www.w3.org/2000/svg", name);
		for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
		return e;
	};
	const svg = make("svg", { class: "icon", viewBox: "0 0 10 10", width: 11, height: 11, "aria-hidden": "true" });
	svg.append(make("path", { d: path }));
	return svg;
}

// colour holds the colours of the style sheet.
let colour = {};
function readColours() {
	const style = getComputedStyle(document.documentElement);
	for (const name of ["bg", "panel", "ink", "dim", "line", "good", "bad", "unknown", "request", "reply", "lost", "fault", "fault-ink", "chosen", "focus"]) {
		colour[name] = style.getPropertyValue("--" + name).trim();
	}
}

// timeText writes a time in milliseconds with as many digits as a step needs.
function timeText(ms, step) {
	if (!isFinite(ms)) return "the end";
	const digits = Math.max(0, Math.min(9, Math.ceil(-Math.log10(step / 1000) - 1e-9)));
	return (ms / 1000).toFixed(digits) + " s";
}

// durationText writes a duration in milliseconds.
function durationText(ms) {
	if (ms >= 1000) return +(ms / 1000).toPrecision(4) + " s";
	if (ms >= 1 || ms === 0) return +ms.toPrecision(4) + " ms";
	return +(ms * 1000).toPrecision(4) + " µs";
}

// niceStep is the round number at or above a step.
function niceStep(step) {
	const power = 10 ** Math.floor(Math.log10(step));
	for (const digit of [1, 2, 5]) if (step <= digit * power * 1.0000001) return digit * power;
	return 10 * power;
}

// Range is what is shown of an axis. Those who draw it are told when it changes.
class Range {
	constructor(first, last, least) {
		Object.assign(this, { first, last, least, from: first, to: last, drawings: new Set() });
	}

	set(from, to) {
		let span = Math.max(this.least, Math.min(to - from, this.last - this.first));
		from = Math.max(this.first, Math.min(from, this.last - span));
		this.from = from;
		this.to = from + span;
		this.redraw();
	}

	// zoom keeps the place at a fraction of the width where it is.
	zoom(factor, at = 0.5) {
		const span = this.to - this.from, place = this.from + span * at;
		const next = Math.max(this.least, Math.min(span * factor, this.last - this.first));
		this.set(place - next * at, place - next * at + next);
	}

	pan(fraction) {
		const by = (this.to - this.from) * fraction;
		this.set(this.from + by, this.to + by);
	}

	whole() { this.set(this.first, this.last); }

	// redraw draws once before the next frame, however often it is called.
	redraw() {
		this.waiting ||= requestAnimationFrame(() => {
			this.waiting = 0;
			for (const d of this.drawings) d.paint();
			this.changed?.();
		});
	}
}

const left = 92, right = 14; // margins of all drawings, so that equal times stand below each other

// Drawing is a canvas over a range.
class Drawing {
	constructor(range, label, height) {
		this.range = range;
		this.height = height;
		this.canvas = el("canvas", { tabindex: 0, role: "img", "aria-label": label });
		this.ctx = this.canvas.getContext("2d", { alpha: false });
		range.drawings.add(this);
		this.visible = true; // until the observer knows better
		new ResizeObserver(() => this.range.redraw()).observe(this.canvas);
		new IntersectionObserver((entries) => {
			this.visible = entries[entries.length - 1].isIntersecting;
			if (this.visible) this.range.redraw();
		}, { rootMargin: "200px" }).observe(this.canvas);
		this.listen();
	}

	x(v) { return left + ((v - this.range.from) / (this.range.to - this.range.from)) * (this.width - left - right); }

	value(x) { return this.range.from + ((x - left) / (this.width - left - right)) * (this.range.to - this.range.from); }

	fraction(x) { return Math.max(0, Math.min(1, (x - left) / (this.width - left - right))); }

	// paint prepares the canvas and draws on it, if it can be seen.
	paint() {
		if (!this.visible || !this.canvas.clientWidth) return;
		this.canvas.style.height = this.height + "px";
		const scale = devicePixelRatio || 1;
		this.width = this.canvas.clientWidth;
		const w = Math.round(this.width * scale), h = Math.round(this.height * scale);
		if (this.canvas.width !== w || this.canvas.height !== h) {
			this.canvas.width = w;
			this.canvas.height = h;
		}
		const c = this.ctx;
		c.setTransform(scale, 0, 0, scale, 0, 0);
		c.fillStyle = colour.bg;
		c.fillRect(0, 0, this.width, this.height);
		c.font = "12px system-ui, sans-serif";
		c.textBaseline = "middle";
		this.draw(c, this.width, this.height);
	}

	// clip keeps what is drawn off the margins.
	clip(c, top, bottom, draw) {
		c.save();
		c.beginPath();
		c.rect(left, top, this.width - left - right, bottom - top);
		c.clip();
		draw();
		c.restore();
	}

	// drawTimes draws the ticks of the axis.
	drawTimes(c, top, bottom) {
		const { from, to } = this.range;
		const step = niceStep(((to - from) * 110) / Math.max(110, this.width - left - right));
		c.strokeStyle = colour.line;
		c.fillStyle = colour.dim;
		c.textAlign = "center";
		c.lineWidth = 1;
		c.beginPath();
		for (let k = Math.ceil(from / step); k * step <= to; k++) {
			const x = Math.round(this.x(k * step)) + 0.5;
			c.moveTo(x, top);
			c.lineTo(x, bottom);
			if (x > left + 10 && x < this.width - right - 16) c.fillText(timeText(k * step, step), x, bottom + 9);
		}
		c.stroke();
	}

	// drawFaults shades the times of faults; they are named at the top.
	drawFaults(c, faults, top, bottom, toX = (t) => this.x(t)) {
		c.textAlign = "left";
		for (const fault of faults) {
			const from = Math.max(left, toX(fault.from)), to = Math.min(this.width - right, fault.to < 0 ? this.width : Math.max(toX(fault.to), toX(fault.from) + 1));
			if (to <= left || from >= this.width - right || to <= from) continue;
			c.fillStyle = colour.fault;
			c.fillRect(from, top, to - from, bottom - top);
			c.fillStyle = colour["fault-ink"];
			c.fillRect(from, top, 1, bottom - top);
			c.fillRect(to - 1, top, 1, bottom - top);
			const text = (fault.name + " " + fault.text).slice(0, 60);
			if (c.measureText(text).width < to - from - 8) c.fillText(text, from + 5, top + 9);
			else if (to - from > 60) c.fillText(fault.name, from + 5, top + 9);
		}
	}

	// listen lets pointer, wheel and keys move the range.
	listen() {
		const canvas = this.canvas, pointers = new Map();
		let moved = 0;
		const place = (e) => e.clientX - canvas.getBoundingClientRect().left;
		canvas.addEventListener("wheel", (e) => {
			if (!e.ctrlKey && !e.metaKey && document.activeElement !== canvas) return; // the page scrolls
			e.preventDefault();
			if (Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey) this.range.pan((e.deltaX || e.deltaY) / 800);
			else this.range.zoom(Math.exp(Math.max(-1, Math.min(1, e.deltaY / 300))), this.fraction(place(e)));
		}, { passive: false });
		canvas.addEventListener("pointerdown", (e) => {
			if (e.button !== 0) return;
			pointers.set(e.pointerId, e.clientX);
			moved = 0;
			try { canvas.setPointerCapture(e.pointerId); } catch { /* it was lifted already */ }
		});
		canvas.addEventListener("pointermove", (e) => {
			if (!pointers.has(e.pointerId)) {
				this.hover?.(place(e), e.clientY - canvas.getBoundingClientRect().top, e);
				return;
			}
			const before = [...pointers.values()];
			const by = e.clientX - pointers.get(e.pointerId);
			pointers.set(e.pointerId, e.clientX);
			const after = [...pointers.values()];
			moved += Math.abs(by);
			if (before.length === 2) {
				const spread = (xs) => Math.max(20, Math.abs(xs[0] - xs[1]));
				this.range.zoom(spread(before) / spread(after), this.fraction(place(e)));
			} else if (moved > 3) {
				this.range.pan(-by / (this.width - left - right));
			}
		});
		canvas.addEventListener("pointerleave", () => this.state?.hint(""));
		const lift = (e) => {
			if (!pointers.delete(e.pointerId)) return;
			if (moved <= 3 && e.type === "pointerup") this.click?.(place(e), e.clientY - canvas.getBoundingClientRect().top);
		};
		canvas.addEventListener("pointerup", lift);
		canvas.addEventListener("pointercancel", lift);
		canvas.addEventListener("dblclick", (e) => this.range.zoom(0.4, this.fraction(place(e))));
		canvas.addEventListener("keydown", (e) => {
			if (e.altKey || e.ctrlKey || e.metaKey) return;
			const actions = {
				ArrowLeft: () => this.range.pan(-0.2), ArrowRight: () => this.range.pan(0.2),
				"+": () => this.range.zoom(0.6), "=": () => this.range.zoom(0.6), "-": () => this.range.zoom(1 / 0.6),
				0: () => this.range.whole(), Home: () => this.range.whole(), ...this.keys?.(),
			};
			if (!actions[e.key]) return;
			e.preventDefault();
			actions[e.key]();
		});
	}
}
