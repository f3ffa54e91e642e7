// kafka.js tells keys, messages and offsets apart, all of which look like numbers.

// readNotation reads JSON or EDN, also of a text that is cut short: lists as arrays, maps
// as { fields }, all else as { text, quoted }.
function readNotation(text) {
	const tokens = text.match(/"(?:\\.|[^"\\])*"?|[[\](){}]|[^\s,:#"[\](){}]+/g) ?? [];
	const opens = /^[[({]$/, closes = /^[\])}]$/;
	let at = 0;
	const values = () => {
		const out = [];
		while (at < tokens.length && !closes.test(tokens[at])) {
			const token = tokens[at++];
			if (!opens.test(token)) {
				out.push({ text: token.replace(/^"|"$/g, ""), quoted: token[0] === '"' });
				continue;
			}
			const inner = values();
			at++;
			out.push(token === "{" ? { fields: inner.filter((_, i) => i % 2 === 0).map((name, i) => [name, inner[2 * i + 1]]) } : inner);
		}
		return out;
	};
	return values();
}

const noValues = new Set(["type", "msg_id", "in_reply_to"]);

// eachName calls found("key", KEY), found("msg", MESSAGE, KEY) and found("offset", OFFSET,
// KEY) for what a text names. In the protocol of kafka, and in its operations, the place
// tells what a number is. In messages between servers a field named key or offset does;
// other numbers may be messages, whose key is undefined if nothing tells it.
function eachName(text, found) {
	const walk = (v, { role, key, byKey, pairs }) => {
		if (v === undefined) return;
		if (v.fields) {
			const own = v.fields.find(([name]) => name.text === "key")?.[1]?.text ?? key;
			for (const [name, x] of v.fields) {
				if (byKey) {
					found("key", name.text);
					walk(x, { role, pairs, key: name.text });
				} else if (/^keys?$/.test(name.text)) walk(x, { role: "key" });
				else if (/offset|commit/i.test(name.text)) walk(x, { role: "offset", key: own, byKey: true });
				else if (name.text === "msgs") walk(x, { byKey: true, pairs: true });
				else if (!noValues.has(name.text)) {
					if (name.text !== undefined) found("key", name.text); // of a map from keys
					walk(x, { role, key: own });
				}
			}
		} else if (!Array.isArray(v)) found(role ?? (v.quoted ? "key" : "msg"), v.text, key);
		else if (v[0]?.text === "send" && !v[0].quoted) { // an operation: [:send KEY MESSAGE] or [:send KEY [OFFSET MESSAGE]]
			walk(v[1], { role: "key" });
			walk(Array.isArray(v[2]) ? [v[2]] : v[2], { key: v[1]?.text, pairs: true });
		} else if (v[0]?.text === "poll" && !v[0].quoted) walk(v[1], { byKey: true, pairs: true });
		else if (pairs) {
			for (const pair of v) {
				walk(pair?.[0], { role: "offset", key });
				walk(pair?.[1], { role: "msg", key });
			}
		} else for (const x of v) walk(x, { role, key });
	};
	for (const v of readNotation(text)) walk(v, {});
}

// search is how to find what somebody follows: a value, or with kafka "key KEY", "msg
// MESSAGE" or "key KEY msg MESSAGE". needle is a part of every text that names it, and
// names tells whether such a text does.
function search(wanted, kafka) {
	const [, key, msg] = (kafka && /^(?:key (\S+))?(?: ?\bmsg (\S+))?$/.exec(wanted)) || [];
	if (key === undefined && msg === undefined) return { needle: wanted, names: () => true };
	return {
		needle: msg ?? key,
		names: (text) => {
			let is = false;
			eachName(text, (role, name, of) => {
				if (msg === undefined) is ||= role === "key" && name === key;
				else is ||= role === "msg" && name === msg && (key === undefined || of === undefined || of === key);
			});
			return is;
		},
	};
}
