// data.js reads the blocks of data at the end of the page; encode.go writes them.

// unpack decompresses a block.
async function unpack(id) {
	const element = document.getElementById(id);
	const binary = atob(element.textContent);
	element.remove(); // its text is no longer needed
	const bytes = new Uint8Array(binary.length);
	for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
	const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
	return new Uint8Array(await new Response(stream).arrayBuffer());
}

// numbers reads varints.
function numbers(bytes, at) {
	const next = () => {
		let value = 0;
		for (let factor = 1; ; factor *= 128) {
			const b = bytes[at++];
			value += (b & 127) * factor;
			if (b < 128) return value;
		}
	};
	return {
		next,
		column(length, Type, convert) {
			const out = new Type(length);
			for (let i = 0; i < length; i++) out[i] = convert ? convert(next(), i) : next();
			return out;
		},
	};
}

const nanoseconds = 1e-6; // in milliseconds, the unit of all times here

// readMessages reads the columns of the messages.
function readMessages(count, column) {
	let last = 0;
	const sent = column(count, Float64Array, (v) => (last += v % 2 ? -(v + 1) / 2 : v / 2) * nanoseconds);
	const took = column(count, Float64Array, (v) => v * nanoseconds);
	const m = {
		count, sent, took,
		fate: column(count, Uint16Array), src: column(count, Uint16Array), dest: column(count, Uint16Array), kind: column(count, Uint16Array),
		request: column(count, Int32Array, (v, i) => (v ? i - v : -1)),
		stored: column(count, Int32Array), cut: column(count, Int32Array),
	};
	m.end = sent.map((t, i) => (m.fate[i] === underWay ? Infinity : t + took[i]));
	m.reply = new Int32Array(count).fill(-1);
	m.bodyAt = new Int32Array(count);
	let at = 0, sorted = true;
	for (let i = 0; i < count; i++) {
		m.bodyAt[i] = at;
		at += m.stored[i];
		if (m.request[i] >= 0 && m.reply[m.request[i]] < 0) m.reply[m.request[i]] = i;
		if (i > 0 && sent[i] < sent[i - 1]) sorted = false;
	}
	m.order = Int32Array.from({ length: count }, (_, i) => i); // by the time of sending
	if (!sorted) m.order.sort((a, b) => sent[a] - sent[b] || a - b);
	return m;
}

// The fates of a message; larger numbers are reasons of its loss.
const underWay = 0, arrived = 1, dropped = 2;

// readOperations reads the columns of the operations.
function readOperations(count, column) {
	let index = 0;
	const o = {
		count,
		index: column(count, Int32Array, (v) => (index += v)),
		done: column(count, Int32Array), // how many records later it ended
		begin: column(count, Float64Array, (v) => v * nanoseconds),
		took: column(count, Float64Array, (v) => v * nanoseconds),
		outcome: column(count, Uint8Array), process: column(count, Int32Array), f: column(count, Uint16Array),
		invoked: column(count, Int32Array), answered: column(count, Int32Array),
	};
	o.textAt = new Int32Array(count);
	for (let i = 0, at = 0; i < count; i++) {
		o.textAt[i] = at;
		at += o.invoked[i] + o.answered[i];
	}
	return o;
}

// The outcomes of an operation.
const unanswered = 0, ok = 1, fail = 2, info = 3;
const outcomes = ["no answer", "ok", "fail", "unknown outcome"];

// readRecords reads what the page needs at once.
async function readRecords() {
	const bytes = await unpack("index");
	const length = new DataView(bytes.buffer).getUint32(0, true);
	const records = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
	const { column } = numbers(bytes, 4 + length);
	records.messages = readMessages(records.messages, column);
	records.operations = readOperations(records.operations, column);
	records.findings ||= [];
	return records;
}

const utf8 = new TextDecoder();

// texts gives access to the texts of messages and operations.
async function readTexts(records) {
	const [bodies, values] = await Promise.all([unpack("bodies"), unpack("values")]);
	const { messages: m, operations: o } = records;
	return {
		bodies, values,
		body: (i) => utf8.decode(bodies.subarray(m.bodyAt[i], m.bodyAt[i] + m.stored[i])),
		invoked: (i) => utf8.decode(values.subarray(o.textAt[i], o.textAt[i] + o.invoked[i])).trimEnd(),
		answered: (i) => utf8.decode(values.subarray(o.textAt[i] + o.invoked[i], o.textAt[i] + o.invoked[i] + o.answered[i])).trimEnd(),
	};
}

const enders = new Set([..."[]{}()#,:\" \n\t"].map((c) => c.charCodeAt(0)));
const idFields = ["\"msg_id\":", "\"in_reply_to\":"];

// mentions calls found for every part that mentions a value as a whole word of JSON or
// EDN. Part i begins at starts[i]. The ids of messages are no mention.
function mentions(bytes, starts, count, value, found) {
	const needle = new TextEncoder().encode(value);
	if (needle.length === 0) return;
	let part = 0;
	for (let at = bytes.indexOf(needle[0]); at >= 0; at = bytes.indexOf(needle[0], at + 1)) {
		let same = 1;
		while (same < needle.length && bytes[at + same] === needle[same]) same++;
		if (same < needle.length) continue;
		const after = bytes[at + needle.length];
		while (part + 1 < count && starts[part + 1] <= at) part++;
		const begins = at === starts[part] || enders.has(bytes[at - 1]);
		const ends = after === undefined || enders.has(after) || (part + 1 < count && starts[part + 1] === at + needle.length);
		if (!begins || !ends) continue;
		const before = utf8.decode(bytes.subarray(Math.max(starts[part], at - 16), at)).trimEnd();
		if (idFields.some((f) => before.endsWith(f))) continue;
		found(part);
		if (part + 1 >= count) return;
		at = starts[part + 1] - 1;
	}
}
