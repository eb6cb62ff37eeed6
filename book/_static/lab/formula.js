/* A formula as a jet: the grammar, refusals and hints of lib/formula.py. A formula is data, not a program; nothing of
   it is ever executed. */
lab.part(lab => {
  "use strict";
  const LENGTH = 500, DEPTH = 40, POWER = 100, PARENTHESES = 200, CONSTANTS = {pi: Math.PI, e: Math.E};
  /** How tightly a sign binds; a sign before its operand binds by 8. */
  const BINDS = {"<": 1, ">": 1, "<=": 1, ">=": 1, "==": 1, "!=": 1, "|": 2, "^": 3, "&": 4, "<<": 5, ">>": 5, "+": 6,
                 "-": 6, "*": 7, "/": 7, "//": 7, "%": 7, "@": 7, "**": 9};
  const TOKEN = new RegExp([
    String.raw`(?<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)`, String.raw`(?<name>[\p{L}_][\p{L}\p{N}_]*)`,
    String.raw`(?<sign>\*\*|\/\/|<<|>>|[<>=!]=|[-+*\/%@|^&~<>(),])`, "(?<end>$)"].join("|"), "uy");

  lab.FormulaError = class extends Error {};
  const known = () => Object.keys(lab.FUNCTIONS).sort().join(", ");
  const allowed = () => `is not allowed; use + - * / **, numbers and ${known()}`;
  const quoted = text => text.includes("'") && !text.includes('"') ? `"${text}"` : `'${text.replace(/['\\]/g, "\\$&")}'`;
  const told = value => `${value}`.replace("NaN", "nan").replace("Infinity", "inf");
  const refusal = (text, why) => new lab.FormulaError(`formula ${quoted(text)}${why}`);

  lab.general = (value, digits = 6) => told(Number.isFinite(value) ? +value.toPrecision(digits) : value);

  class Reader {
    constructor(text) {
      Object.assign(this, {whole: text, text: text.trim(), at: 0, open: 0});
      this.next();
    }

    fail = (reason = "invalid syntax") => refusal(this.whole, `: ${reason}`);
    refuse = (node, why) => refusal(this.whole, `: ${quoted(this.text.slice(node.start, node.end))} ${why}`);
    is = (...signs) => this.kind === "sign" && signs.includes(this.token);
    node = (start, fields) => ({start, end: this.before, from: start, ...fields});

    // from a text to a tree, whose nodes know where they stand; parentheses around one count for what it is part of

    next() {
      this.before = this.at;
      this.start = TOKEN.lastIndex = this.at + /^[ \t\f]*/.exec(this.text.slice(this.at))[0].length;
      const found = TOKEN.exec(this.text);
      if (!found) throw this.refuse({start: 0}, allowed());
      [this.kind, this.token] = Object.entries(found.groups).find(one => one[1] !== undefined);
      this.at = this.start + this.token.length;
    }

    /** What follows, as far as signs bind more tightly than this. */
    tree(bound = 0) {
      const {start, token} = this;
      if (!this.is("+", "-", "~")) return this.chain(this.atom(), bound);
      this.next();
      const inner = this.tree(8);
      return this.chain(this.node(start, {unary: token, inner}), bound);
    }

    chain(left, bound) {
      for (let sign = this.token; this.kind === "sign" && BINDS[sign] > bound; sign = this.token) {
        this.next();
        const right = this.tree(Math.min(8, BINDS[sign]));
        left = this.node(left.from, {sign, left, right});
      }
      return left;
    }

    atom() {
      const {start, kind, token} = this;
      if (kind === "end") throw this.fail(this.open ? "'(' was never closed" : undefined);
      this.next();
      const touches = this.kind === "name" && this.start === start + token.length;
      if (kind === "number" && touches) throw this.fail("invalid decimal literal");
      if (kind === "number") return this.node(start, {value: +token.replace(/_/g, "")});
      if (kind === "name" && !this.is("(")) return this.node(start, {name: token.normalize("NFKC")});
      if (kind === "sign" && token !== "(" || ++this.open > PARENTHESES) throw this.fail();
      if (kind === "sign") {
        const inner = this.tree();
        this.close();
        return {...inner, from: start};
      }
      const given = [];
      do {
        this.next();
        if (!this.is(")")) given.push(this.tree());
      } while (this.is(","));
      this.close();
      return this.node(start, {call: token.toLowerCase(), given});
    }

    close() {
      if (!this.is(")")) throw this.fail(this.kind === "end" ? "'(' was never closed" : undefined);
      this.open--;
      this.next();
    }

    // from the tree to jets

    part(node, depth) {
      if (!depth) throw refusal(this.whole, ` is nested more than ${DEPTH} deep`);
      const made = this.meaning(node, one => this.part(one, depth - 1));
      const large = made.constant !== null && !Number.isFinite(made.constant);
      if (large) throw this.refuse(node, `is too large: a constant in it is ${told(made.constant)}`);
      if (made.hidden) throw this.refuse(node, "bends where it cannot be found out; give kinks=(...)");
      return made;
    }

    meaning(node, part) {
      const {value, name, unary, sign, call} = node;
      if (value !== undefined) return lab.number(value < 1e308 ? value : Infinity);
      if (/^(True|False|None)$/.test(name) || unary === "~" || BINDS[sign] === 1) throw this.refuse(node, allowed());
      if (name === "x") return lab.X;
      if (name && !Object.hasOwn(CONSTANTS, name.toLowerCase())) throw this.refuse(node, "is unknown; the variable is x");
      if (name) return lab.number(CONSTANTS[name.toLowerCase()]);
      if (unary) return lab.mul(unary === "-" ? -1 : 1, part(node.inner));
      if (sign) return this.operation(node, part(node.left), part(node.right));
      const given = node.given.map(part);
      if (!Object.hasOwn(lab.FUNCTIONS, call)) throw this.refuse(node, `is unknown; known are ${known()}`);
      const [f, least, most] = lab.FUNCTIONS[call];
      if (given.length < least || given.length > most) throw this.refuse(node, "has the wrong number of arguments");
      return f(...given);
    }

    operation(node, a, b) {
      const f = {"+": lab.add, "-": lab.sub, "*": lab.mul, "/": lab.div}[node.sign];
      if (node.sign === "/" && b.constant === 0) throw this.refuse(node, "divides by zero");
      if (f) return f(a, b);
      const hint = node.sign === "^" ? "; write ** for a power" : "";
      if (node.sign !== "**") throw this.refuse(node, `is not allowed${hint}`);
      if (Math.abs(b.constant) > POWER) throw this.refuse(node, `has an exponent beyond ${POWER}`);
      if (b.constant !== null) return lab.power(a, b.constant);
      if (a.constant > 0) return lab.exp(lab.mul(Math.log(a.constant), b));
      throw this.refuse(node, "needs a constant exponent or a positive constant base; write exp(b*log(a))");
    }
  }

  /** The function that a formula means; a FormulaError names the part that cannot be used. */
  lab.formula = text => {
    if (!text || text.length > LENGTH) throw new lab.FormulaError(`a formula is a text of at most ${LENGTH} characters`);
    const reader = new Reader(text), tree = reader.tree();
    if (reader.kind !== "end") throw reader.fail();
    const made = reader.part(tree, DEPTH);
    if (made.constant !== null) throw refusal(text, " does not depend on x");
    const at = [0, ...made.kinks], [y] = made.at(at, 0), i = y.findIndex(value => !Number.isFinite(value));
    if (i >= 0) throw refusal(text, ` is ${told(y[i])} at x = ${lab.general(at[i])}`);
    return made;
  };

  // as activations

  lab.NAMES = ["tanh", "erf", "relu", "leaky_relu", "hard_tanh", "sigmoid", "gelu", "swish", "silu", "softplus", "elu",
               "selu", "sin", "linear", "hermite"];
  /** The series of `lib.activations.critical_coefficients(4, 0.4)`, its input cut to [-3, 3], by Horner's rule. */
  function hermite() {
    const u = lab.formula("clip(x, -3, 3)"), [a, b, c] = [-Math.sqrt(0.2), -0.4 / Math.sqrt(6), Math.sqrt(0.064 / 24)];
    const terms = [c, b, a - 6 * c, 1 - 3 * b, Math.sqrt(0.912) - a + 3 * c].map(one => one / Math.sqrt(2.536));
    return terms.reduce((sum, one) => lab.add(lab.mul(sum, u), one), 0);
  }

  /** The nonlinearity meant by a name or a formula, with what averages need to know of it. */
  lab.activation = lab.kept(text => {
    const named = lab.NAMES.includes(text), {abs} = Math;
    const unknown = `phi: unknown activation '${text}'; known: ${lab.NAMES.join(", ")}, and formulas as 'x*tanh(x)'`;
    if (!named && text !== "x" && /^[\p{L}_][\p{L}\p{N}_]*$/u.test(text)) throw new lab.FormulaError(unknown);
    const jet = !named ? lab.formula(text) : text === "linear" ? lab.X : text === "hermite" ? hermite()
      : lab.FUNCTIONS[text][0](lab.X);
    const probe = Float64Array.from({length: 96}, (_, i) => -7.9 + 15.8 * i / 95), {kinks} = jet;
    const x = probe.filter(x => kinks.every(kink => abs(x - kink) > 0.02)), y = jet.at(x, 2);
    for (const [k, label] of ["phi", "dphi", "d2phi"].entries()) {
      const i = y[k].findIndex(value => !Number.isFinite(value));
      if (i >= 0) throw new lab.FormulaError(`${label} returned ${told(y[k][i])} at x = ${lab.general(x[i], 3)}`);
    }
    const mirror = jet.at(x.map(x => -x), 0)[0], top = Math.max(...y[0].map(abs));
    const like = sign => kinks.every((kink, i) => abs(kink + kinks[kinks.length - 1 - i]) < 1e-8)
      && y[0].every((value, i) => abs(mirror[i] - sign * value) <= 1e-13 * abs(value) + 1e-15 * top);
    const at = (x, k) => jet.at([x], k)[k][0], aside = kink => 1e-12 * abs(kink) + 1e-300;
    const jumps = kinks.map(kink => [kink, at(kink + aside(kink), 1) - at(kink - aside(kink), 1)]);
    const homogeneous = [-3, -1, 1, 3].every(x => abs(at(7 * x, 0) - 7 * at(x, 0)) <= 1e-13 * abs(7 * at(x, 0))
      && at(x, 2) === 0) && kinks.every(kink => kink === 0) && (kinks.length > 0 || at(-1, 0) === -at(1, 0));
    const bent = jumps.some(([, jump]) => abs(jump) > 1e-9 * top), parity = like(-1) ? "odd" : like(1) ? "even" : "";
    return {name: text, jet, kinks, parity, bent, homogeneous, jumps: jet.straight && jumps};
  });
});
