/* A formula as a jet: the grammar, refusals and hints of lib/formula.py. A formula is data, not a
   program; nothing of it is ever executed. */
lab.part(lab => {
  "use strict";
  const LENGTH = 500, DEPTH = 40, POWER = 100, PARENTHESES = 200;
  const CONSTANTS = {pi: Math.PI, e: Math.E};
  const LEVELS = [["<", ">", "<=", ">=", "==", "!="], ["|"], ["^"], ["&"], ["<<", ">>"], ["+", "-"],
                  ["*", "/", "//", "%", "@"]];
  const TOKEN = new RegExp([
    String.raw`(?<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)`,
    String.raw`(?<name>[\p{L}_][\p{L}\p{N}_]*)`,
    String.raw`(?<sign>\*\*|\/\/|<<|>>|[<>=!]=|[-+*\/%@|^&~<>(),])`,
    String.raw`(?<end>$)`].join("|"), "uy");

  const known = () => Object.keys(lab.FUNCTIONS).sort().join(", ");
  const allowed = () => `is not allowed; use + - * / **, numbers and ${known()}`;
  const quoted = text => text.includes("'") && !text.includes('"') ? `"${text}"`
    : `'${text.replace(/['\\]/g, "\\$&")}'`;
  const told = value => Number.isFinite(value) ? `${value}`
    : String(value).replace("NaN", "nan").replace("Infinity", "inf");

  /** The six digits of Python's `:g`. */
  lab.general = (value, digits = 6) => {
    if (!Number.isFinite(value)) return told(value);
    const [head, power] = value.toExponential(digits - 1).split("e");
    const short = text => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
    if (+power >= -4 && +power < digits) return short(value.toFixed(digits - 1 - power));
    return `${short(head)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  };

  class Reader {
    constructor(text) {
      [this.whole, this.text, this.at, this.open] = [text, text.trim(), 0, 0];
      this.next();
    }

    fail(reason) {
      return new lab.FormulaError(`formula ${quoted(this.whole)}: ${reason}`);
    }

    refuse(node, why) {
      const part = this.text.slice(node.start, node.end);
      return new lab.FormulaError(`formula ${quoted(this.whole)}: ${quoted(part)} ${why}`);
    }

    // from a text to a tree, whose nodes know where they stand

    next() {
      this.before = this.at;
      this.at += /^\s*/.exec(this.text.slice(this.at))[0].length;
      TOKEN.lastIndex = this.at;
      const found = TOKEN.exec(this.text);
      if (!found) throw this.refuse({start: 0}, allowed());
      [this.start, this.token] = [this.at, found[0]];
      this.kind = Object.keys(found.groups).find(kind => found.groups[kind] !== undefined);
      this.at += this.token.length;
    }

    is(...signs) {
      return this.kind === "sign" && signs.includes(this.token);
    }

    /** A node from `start` on; parentheses around it count for what it is part of. */
    node(start, fields) {
      return {start, end: this.before, from: start, to: this.before, ...fields};
    }

    binary(level = 0) {
      if (level === LEVELS.length) return this.unary();
      let left = this.binary(level + 1);
      while (this.is(...LEVELS[level])) {
        const sign = this.token;
        this.next();
        const right = this.binary(level + 1);
        left = this.node(left.from, {sign, left, right});
      }
      return left;
    }

    unary() {
      if (!this.is("+", "-", "~")) return this.raised();
      const [start, unary] = [this.start, this.token];
      this.next();
      const inner = this.unary();
      return this.node(start, {unary, inner});
    }

    raised() {
      const left = this.atom();
      if (!this.is("**")) return left;
      this.next();
      const right = this.unary();
      return this.node(left.from, {sign: "**", left, right});
    }

    atom() {
      const [start, kind, token] = [this.start, this.kind, this.token];
      if (kind === "end" && this.open) throw this.fail("'(' was never closed");
      this.next();
      if (kind === "number") {
        if (this.kind === "name" && this.start === start + token.length) {
          throw /^j$/i.test(this.token) ? this.refuse({start, end: this.at}, allowed())
            : this.fail("invalid decimal literal");
        }
        return this.node(start, {value: +token.replace(/_/g, "")});
      }
      if (kind === "name") {
        if (this.kind === "name") throw this.fail("invalid syntax");
        const leaf = this.node(start, {name: token.normalize("NFKC")});
        return this.is("(") ? this.called(leaf) : leaf;
      }
      if (token !== "(" || kind !== "sign") throw this.fail("invalid syntax");
      if (++this.open > PARENTHESES) throw this.fail("too many nested parentheses");
      const inner = this.binary();
      this.close();
      return {...inner, from: start, to: this.before};
    }

    called(leaf) {
      const given = [];
      this.open++;
      this.next();
      while (!this.is(")")) {
        given.push(this.binary());
        if (!this.is(",")) break;
        this.next();
      }
      this.close();
      return this.node(leaf.start, {call: leaf.name.toLowerCase(), given});
    }

    close() {
      if (!this.is(")")) throw this.fail(this.kind === "end" ? "'(' was never closed" : "invalid syntax");
      this.open--;
      this.next();
    }

    // from the tree to jets

    part(node, depth) {
      if (!depth) {
        throw new lab.FormulaError(`formula ${quoted(this.whole)} is nested more than ${DEPTH} deep`);
      }
      const made = this.meaning(node, depth - 1);
      if (made.constant !== null && !Number.isFinite(made.constant)) {
        throw this.refuse(node, `is too large: a constant in it is ${told(made.constant)}`);
      }
      if (made.hidden) throw this.refuse(node, "bends where it cannot be found out; give kinks=(...)");
      return made;
    }

    meaning(node, depth) {
      if (node.value !== undefined) return lab.number(node.value < 1e308 ? node.value : Infinity);
      if (node.name === "x") return lab.X;
      if (/^(True|False|None)$/.test(node.name)) throw this.refuse(node, allowed());
      if (node.name !== undefined) {
        const value = CONSTANTS[node.name.toLowerCase()];
        if (value === undefined) throw this.refuse(node, "is unknown; the variable is x");
        return lab.number(value);
      }
      if (node.unary === "~" || LEVELS[0].includes(node.sign)) throw this.refuse(node, allowed());
      if (node.unary) {
        const inner = this.part(node.inner, depth);
        return node.unary === "+" ? inner : lab.mul(-1, inner);
      }
      if (node.sign) {
        return this.operation(node, this.part(node.left, depth), this.part(node.right, depth));
      }
      const given = node.given.map(one => this.part(one, depth));
      if (!Object.hasOwn(lab.FUNCTIONS, node.call)) {
        throw this.refuse(node, `is unknown; known are ${known()}`);
      }
      const [f, least, most] = lab.FUNCTIONS[node.call];
      if (given.length < least || given.length > most) {
        throw this.refuse(node, "has the wrong number of arguments");
      }
      return f(...given);
    }

    operation(node, a, b) {
      const f = {"+": lab.add, "-": lab.sub, "*": lab.mul, "/": lab.div}[node.sign];
      if (node.sign === "/" && b.constant === 0) throw this.refuse(node, "divides by zero");
      if (f) return f(a, b);
      if (node.sign !== "**") {
        throw this.refuse(node, `is not allowed${node.sign === "^" ? "; write ** for a power" : ""}`);
      }
      if (b.constant !== null) {
        if (Math.abs(b.constant) > POWER) throw this.refuse(node, `has an exponent beyond ${POWER}`);
        return lab.power(a, b.constant);
      }
      if (a.constant === null || a.constant <= 0) {
        throw this.refuse(node, "needs a constant exponent or a positive constant base; "
                          + "write exp(b*log(a))");
      }
      return lab.exp(lab.mul(Math.log(a.constant), b));
    }
  }

  lab.FormulaError = class extends Error {};

  /** The function that a formula means; a FormulaError names the part that cannot be used. */
  lab.formula = text => {
    if (!text.length || text.length > LENGTH) {
      throw new lab.FormulaError(`a formula is a text of at most ${LENGTH} characters`);
    }
    const reader = new Reader(text), tree = reader.binary();
    if (reader.kind !== "end") throw reader.fail("invalid syntax");
    const made = reader.part(tree, DEPTH);
    if (made.constant !== null) {
      throw new lab.FormulaError(`formula ${quoted(text)} does not depend on x`);
    }
    for (const x of [0, ...made.kinks]) {
      const [[value]] = made.at(Float64Array.of(x), 0);
      if (!Number.isFinite(value)) {
        throw new lab.FormulaError(`formula ${quoted(text)} is ${told(value)} at x = ${lab.general(x)}`);
      }
    }
    return made;
  };

  // as activations

  /** The series of `lib.activations.critical_coefficients(4, 0.4)`, its input cut to [-3, 3]. */
  function hermite() {
    const u = lab.clip(lab.X, -3, 3), total = [1, 0.4, 0.16, 0.064].reduce((a, b) => a + b);
    const mean = 0.4 + 2 * 0.16 + 3 * 0.064, norm = Math.sqrt(total + mean);
    const a = [Math.sqrt(mean), 1, -Math.sqrt(0.4), -0.4, 0.4 ** 1.5].map(one => one / norm);
    const square = lab.mul(u, u), terms = [
      lab.number(1), u, lab.sub(square, 1), lab.mul(u, lab.sub(square, 3)),
      lab.add(lab.mul(square, lab.sub(square, 6)), 3)];
    return terms.reduce((sum, term, k) => lab.add(sum, lab.mul(a[k] / [1, 1, 2 ** 0.5, 6 ** 0.5, 24 ** 0.5][k], term)), 0);
  }

  lab.NAMES = ["tanh", "erf", "relu", "leaky_relu", "hard_tanh", "sigmoid", "gelu", "swish", "silu",
               "softplus", "elu", "selu", "sin", "linear", "hermite"];
  const held = new Map();

  /** The nonlinearity meant by a name or a formula, with what averages need to know of it. */
  lab.activation = text => {
    if (held.has(text)) return held.get(text);
    const named = lab.NAMES.includes(text);
    if (!named && text !== "x" && /^[\p{L}_][\p{L}\p{N}_]*$/u.test(text)) {
      throw new lab.FormulaError(`phi: unknown activation '${text}'; known: ${lab.NAMES.join(", ")}, `
                                 + "and formulas as 'x*tanh(x)'");
    }
    const jet = !named ? lab.formula(text) : text === "linear" ? lab.X : text === "hermite" ? hermite()
      : lab.FUNCTIONS[text][0](lab.X);
    const x = Float64Array.from({length: 96}, (_, i) => -7.9 + 15.8 * i / 95)
      .filter(x => jet.kinks.every(kink => Math.abs(x - kink) > 0.02));
    const y = jet.at(x, 2), mirror = jet.at(x.map(x => -x), 0)[0], top = Math.max(...y[0].map(Math.abs));
    ["phi", "dphi", "d2phi"].forEach((label, k) => y[k].forEach((value, i) => {
      if (!Number.isFinite(value)) {
        throw new lab.FormulaError(`${label} returned ${told(value)} at x = ${lab.general(x[i], 3)}`);
      }
    }));
    const even = jet.kinks.every((kink, i, all) => Math.abs(kink + all[all.length - 1 - i]) < 1e-8);
    const like = sign => even && y[0].every((value, i) =>
      Math.abs(mirror[i] - sign * value) <= 1e-13 * Math.abs(value) + 1e-15 * top);
    const at = (x, k) => jet.at(Float64Array.of(x), k)[k][0];
    const jumps = jet.kinks.map(kink => [kink, at(kink + 1e-12 * Math.abs(kink) + 1e-300, 1)
      - at(kink - 1e-12 * Math.abs(kink) - 1e-300, 1)]);
    const bent = jumps.some(([, jump]) => Math.abs(jump) > 1e-9 * top);
    const homogeneous = [-3, -1, 1, 3].every(x => Math.abs(at(7 * x, 0) - 7 * at(x, 0))
      <= 1e-13 * Math.abs(7 * at(x, 0))) && jet.kinks.every(kink => kink === 0)
      && (jet.kinks.length > 0 || at(-1, 0) === -at(1, 0)) && at(2, 2) === 0 && at(-2, 2) === 0;
    const made = {name: text, jet, kinks: jet.kinks, parity: like(-1) ? "odd" : like(1) ? "even" : "",
                  bent, homogeneous, jumps: jet.straight && jumps};
    held.set(text, made);
    return made;
  };
});
