/* What the page can do beyond being read: theme, switches, sorting, tooltips, and a timeline
   to read and zoom. The page is complete without it. Text is only ever set as text. */
"use strict";
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const make = (name, text) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const draw = (name, attributes) => {
    const element = document.createElementNS($("svg").namespaceURI, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    return element;
  };
  document.documentElement.classList.add("js");

  /* ---- Units, as the page itself writes them ---- */
  const scaled = (value, unit) => {
    const prefixes = ["", "k", "M", "G", "T", "P", "E"];
    let step = 0;
    while (value >= 999.95 && step < prefixes.length - 1) {
      value /= 1000;
      step += 1;
    }
    if (step === 0 && value > 0 && value < 1) {
      return `${value < 0.001 ? "<0.001" : Number(value.toPrecision(2))} ${unit}`.trim();
    }
    const digits = (step === 0 && Number.isInteger(value)) || value >= 99.95 ? 0 : 1;
    return `${value.toFixed(digits)} ${prefixes[step]}${unit}`.trim();
  };
  const pad = (value, length = 2) => String(value).padStart(length, "0");
  const clock = (ms, step) => {
    /* Milliseconds since 1970 as they come are off by less than a microsecond. */
    const all = Math.round(ms * 1000);
    const date = new Date(Math.floor(all / 1000));
    if (Number.isNaN(date.getTime())) return "";
    const time = `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
    if (step >= 60) return time;
    const seconds = `${time}:${pad(date.getUTCSeconds())}`;
    if (step >= 1) return seconds;
    const micros = all - Math.floor(all / 1000000) * 1000000;
    return `${seconds}.${pad(micros, 6).slice(0, step >= 0.1 ? 1 : step >= 0.001 ? 3 : 6)}`;
  };
  const day = (ms) => {
    const date = new Date(ms);
    if (Number.isNaN(date.getTime())) return "";
    return `${date.getUTCFullYear()}-${pad(date.getUTCMonth() + 1)}-${pad(date.getUTCDate())}`;
  };

  /* ---- Theme ---- */
  const theme = () => {
    const button = $("#theme");
    const order = ["system", "light", "dark"];
    let current = "system";
    try {
      current = localStorage.getItem("netloom-theme") || current;
    } catch {
      /* A page opened from a file may have no storage; the choice then lasts as long as it. */
    }
    const show = () => {
      if (current === "system") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = current;
      button.textContent = `Theme: ${current}`;
    };
    button.addEventListener("click", () => {
      current = order[(order.indexOf(current) + 1) % order.length];
      try {
        localStorage.setItem("netloom-theme", current);
      } catch {
        /* As above. */
      }
      show();
    });
    if (!order.includes(current)) current = "system";
    show();
  };

  /* ---- The facts as a file ---- */
  const save = () => {
    $("#save").addEventListener("click", () => {
      const link = make("a");
      link.href = URL.createObjectURL(new Blob([$("#facts").textContent], { type: "application/json" }));
      link.download = `${document.title.split(" · ")[0]}.report.json`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  };

  /* ---- Which section is being read ---- */
  const contents = () => {
    const links = new Map($$("nav.toc a").map((a) => [a.getAttribute("href").slice(1), a]));
    const bar = $("nav.toc .wrap");
    const mark = () => {
      let current;
      const end = scrollY > 0 && innerHeight + scrollY >= document.documentElement.scrollHeight - 4;
      for (const [id, link] of links) {
        const section = document.getElementById(id);
        if (!current || (section && (end || section.getBoundingClientRect().top < 140))) current = link;
      }
      for (const link of links.values()) {
        if (link !== current) link.removeAttribute("aria-current");
        else if (!link.hasAttribute("aria-current")) {
          link.setAttribute("aria-current", "true");
          bar.scrollLeft = link.offsetLeft - bar.clientWidth / 2;
        }
      }
    };
    let waiting = false;
    addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        mark();
      });
    }, { passive: true });
    mark();
  };

  /* ---- Switches between views ---- */
  const switches = () => {
    for (const group of $$("[data-views]")) {
      const card = group.closest(".card");
      const show = (view) => {
        for (const part of $$("[data-view]", card)) part.hidden = part.dataset.view !== view;
        for (const button of $$("button", group)) {
          button.setAttribute("aria-pressed", String(button.dataset.show === view));
        }
      };
      group.addEventListener("click", (event) => {
        const button = event.target.closest("[data-show]");
        if (button) show(button.dataset.show);
      });
      show($("[aria-pressed=true]", group).dataset.show);
    }
  };

  /* ---- Sorting ---- */
  const sorting = () => {
    for (const heading of $$("th[data-sort]")) {
      const button = make("button", heading.textContent);
      button.type = "button";
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const row = heading.parentElement;
        const index = [...row.children].indexOf(heading);
        const numeric = heading.classList.contains("n");
        const before = heading.getAttribute("aria-sort");
        const up = before ? before === "descending" : !numeric;
        for (const other of row.children) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = heading.closest("table").tBodies[0];
        const rows = [...body.rows].map((r) => {
          const cell = r.cells[index];
          return [r, numeric ? Number(cell.dataset.v) : cell.textContent];
        });
        const order = numeric
          ? (a, b) => a[1] - b[1]
          : (a, b) => a[1].localeCompare(b[1], "en", { numeric: true });
        rows.sort((a, b) => (up ? order(a, b) : order(b, a)));
        body.append(...rows.map((r) => r[0]));
      });
    }
  };

  /* ---- The tooltip: one for all ---- */
  const tip = make("div");
  tip.className = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true");
  const place = (x, y) => {
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const left = x + 16 + width > innerWidth - 8 ? x - width - 16 : x + 16;
    tip.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    tip.style.top = `${Math.max(8, Math.min(y - height / 2, innerHeight - height - 8))}px`;
  };
  const hide = () => {
    tip.hidden = true;
  };
  const tell = (title, lines) => {
    tip.replaceChildren();
    if (title) tip.append(make("b", title));
    for (const line of lines) tip.append(make("div", line));
  };
  const describe = (mark) => tell(mark.dataset.title, (mark.dataset.text || "").split("|"));

  const tooltips = () => {
    document.body.append(tip);
    document.addEventListener("pointermove", (event) => {
      const mark = event.target.closest ? event.target.closest("[data-text]") : null;
      if (mark) {
        describe(mark);
        place(event.clientX, event.clientY);
      } else if (!(event.target.closest && event.target.closest("#plot"))) hide();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") hide();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!event.target.closest("#plot, [data-text]")) hide();
    });
    if (matchMedia("(hover: none)").matches) addEventListener("scroll", hide, { passive: true });
    for (const chart of $$("svg.marks")) marks(chart);
  };

  /* Parts of a chart, one at a time by arrow keys. */
  const marks = (chart) => {
    const list = $$(".mark", chart);
    if (!list.length) return;
    list.forEach((mark) => {
      mark.setAttribute("tabindex", "-1");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", `${mark.dataset.title}: ${mark.dataset.text.replaceAll("|", ", ")}`);
    });
    const go = (index) => {
      const mark = list[Math.max(0, Math.min(list.length - 1, index))];
      mark.focus({ preventScroll: true });
      mark.scrollIntoView({ block: "nearest", behavior: "instant" });
      describe(mark);
      const box = mark.getBoundingClientRect();
      place(box.left + Math.min(box.width / 2, 200), box.top + box.height / 2);
    };
    chart.addEventListener("keydown", (event) => {
      const at = list.indexOf(document.activeElement);
      const to = {
        ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: list.length - 1,
      }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      go(to);
    });
    chart.addEventListener("focusout", hide);
  };

  /* ---- The timeline ---- */
  const timeline = () => {
    const facts = JSON.parse($("#timeline-facts").textContent);
    const plot = $("#plot");
    if (!facts || !plot) return;
    const area = $(".area", plot);
    const up = $(".axis.up");
    const across = $(".axis.across");
    const says = $("#plot-says");
    const n = facts.points;
    let measure = "bytes";
    let from = 0;
    let to = n;
    let cursor = null;
    let drag = null;

    const overlay = draw("svg", { class: "cursor", "aria-hidden": "true" });
    const line = draw("line", { y1: 0, y2: "100%", visibility: "hidden" });
    const range = draw("rect", { height: "100%", visibility: "hidden" });
    overlay.append(range, line);
    plot.append(overlay);

    const parts = () => facts.measures[measure].parts;
    const sums = {};
    for (const key in facts.measures) {
      sums[key] = Array.from({ length: n }, (_, i) => facts.measures[key].parts.reduce((a, p) => a + p.values[i], 0));
    }
    const timed = facts.interval > 0;
    const rate = (value) => {
      if (measure === "bytes") return timed ? scaled((value * 8) / facts.interval, "bit/s") : scaled(value, "B");
      if (measure === "packets" && timed) return scaled(value / facts.interval, "pps");
      return scaled(value, "");
    };
    const axisLabel = (value) => rate(value).replace(".0 ", " ");
    const exact = (value) => {
      if (measure === "bytes") return scaled(value, "B");
      return value.toLocaleString("en");
    };
    const roundUp = (value) => {
      if (!(value > 0)) return 1;
      const power = 10 ** Math.floor(Math.log10(value));
      const factor = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].find((f) => f * power >= value * 0.999999) || 10;
      return factor * power;
    };
    const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
      172800, 604800, 1209600, 2592000];
    const roundStep = (seconds) => {
      if (seconds < 1) {
        const power = 10 ** Math.floor(Math.log10(seconds));
        return [1, 2, 5, 10].map((f) => f * power).find((s) => s >= seconds) || 1;
      }
      return steps.find((s) => s >= seconds) || 2592000 * Math.ceil(seconds / 2592000);
    };

    const timeOf = (index) => facts.start_ms + index * facts.interval * 1000;
    const nameOf = (index) => {
      if (facts.start_ms === null || !timed) return `interval ${index + 1}`;
      return `${day(timeOf(index))} ${clock(timeOf(index), Math.min(facts.interval, 1))}`;
    };

    const drawAxes = (top) => {
      $$("text", up).forEach((label, quarter) => {
        label.textContent = quarter === 4 ? "0" : axisLabel((top * (4 - quarter)) / 4);
      });
      if (facts.start_ms === null || !timed) return;
      across.replaceChildren();
      const span = (to - from) * facts.interval;
      const step = roundStep(span / Math.max(2, Math.floor(across.clientWidth / 110)));
      const start = timeOf(from);
      for (let i = 0; i < 64; i += 1) {
        const ms = (Math.ceil(start / (step * 1000)) + i) * step * 1000;
        const at = (ms - start) / 1000 / span;
        if (at > 1) break;
        const content = span > 259200
          ? span > 25920000
            ? day(ms)
            : `${day(ms).slice(5)}${step >= 86400 ? "" : ` ${clock(ms, 60)}`}`
          : clock(ms, step);
        const margin = (content.length * 3.6) / Math.max(1, across.clientWidth);
        const anchor = at < margin ? "start" : at > 1 - margin ? "end" : "middle";
        const label = draw("text", { x: `${at * 100}%`, y: 18, "text-anchor": anchor });
        label.textContent = content;
        across.append(label);
      }
    };

    const show = () => {
      const whole = facts.measures[measure].top;
      const largest = sums[measure].slice(Math.floor(from), Math.ceil(to)).reduce((a, b) => Math.max(a, b), 0);
      const unit = !timed ? 1 : measure === "bytes" ? 8 / facts.interval : measure === "packets" ? 1 / facts.interval : 1;
      const top = from === 0 && to === n ? whole : Math.min(whole, roundUp(largest * unit) / unit);
      const height = (facts.height * top) / whole;
      const x = (from / n) * facts.width;
      const width = ((to - from) / n) * facts.width;
      area.setAttribute("viewBox", `${x} ${facts.height - height} ${width} ${height}`);
      for (const group of $$("g", area)) {
        group.setAttribute("display", group.dataset.measure === measure ? "inline" : "none");
      }
      drawAxes(top);
      $("#zoom-reset").disabled = from === 0 && to === n;
      $("#legend").hidden = measure === "flows";
      showCursor();
    };

    const zoom = (newFrom, newTo) => {
      const least = Math.min(n, 3);
      let width = Math.max(least, Math.min(n, newTo - newFrom));
      let start = Math.max(0, Math.min(n - width, newFrom));
      if (n - width < 0.01) {
        width = n;
        start = 0;
      }
      from = start;
      to = start + width;
      show();
    };
    const zoomBy = (factor, share = 0.5) => {
      const centre = from + (to - from) * share;
      const width = (to - from) * factor;
      zoom(centre - width * share, centre + width * (1 - share));
    };

    const shareOf = (index) => (index + 0.5 - from) / (to - from);
    const showCursor = () => {
      const visible = cursor !== null && cursor + 1 > from && cursor < to;
      line.setAttribute("visibility", visible ? "visible" : "hidden");
      if (!visible) return;
      const x = `${shareOf(cursor) * 100}%`;
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    };
    const read = (index, x, y) => {
      cursor = index;
      showCursor();
      const list = parts().map((p) => [p.name, p.color, p.values[index]]);
      const total = sums[measure][index];
      tip.replaceChildren(make("b", nameOf(index)));
      const row = (name, value, color) => {
        const element = make("div");
        element.className = "row";
        const swatch = draw("svg", { viewBox: "0 0 10 10" });
        if (color !== undefined) swatch.append(draw("rect", { width: 10, height: 10, rx: 3, fill: `var(--s${color})` }));
        element.append(swatch, make("span", name), make("span", value));
        tip.append(element);
      };
      row("all", `${exact(total)}${measure === "flows" || !timed ? "" : ` · ${rate(total)}`}`);
      if (list.length > 1) {
        for (const [name, color, value] of list.slice().reverse()) {
          if (value > 0) row(name.length > 28 ? `${name.slice(0, 27)}…` : name, exact(value), color);
        }
      }
      place(x, y);
    };
    const speak = (index) => {
      const list = parts().filter((p) => p.values[index] > 0).map((p) => `${p.name} ${exact(p.values[index])}`);
      says.textContent = `${nameOf(index)}: ${exact(sums[measure][index])}${measure === "bytes" ? "" : ` ${measure}`}; ${list.join(", ")}`;
    };

    const indexAt = (event) => {
      const box = plot.getBoundingClientRect();
      const share = Math.max(0, Math.min(0.999999, (event.clientX - box.left) / box.width));
      return from + share * (to - from);
    };
    plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      drag = { start: indexAt(event), x: event.clientX };
      read(Math.floor(indexAt(event)), event.clientX, event.clientY);
      if (event.pointerType === "mouse") plot.setPointerCapture(event.pointerId);
    });
    plot.addEventListener("pointermove", (event) => {
      const at = indexAt(event);
      if (drag && event.pointerType === "mouse" && Math.abs(event.clientX - drag.x) > 4) {
        const [a, b] = [Math.min(drag.start, at), Math.max(drag.start, at)];
        range.setAttribute("visibility", "visible");
        range.setAttribute("x", `${((a - from) / (to - from)) * 100}%`);
        range.setAttribute("width", `${((b - a) / (to - from)) * 100}%`);
      }
      read(Math.floor(at), event.clientX, event.clientY);
    });
    plot.addEventListener("pointerup", (event) => {
      range.setAttribute("visibility", "hidden");
      if (drag && event.pointerType === "mouse" && Math.abs(event.clientX - drag.x) > 4) {
        const at = indexAt(event);
        zoom(Math.floor(Math.min(drag.start, at)), Math.ceil(Math.max(drag.start, at)));
      }
      drag = null;
    });
    plot.addEventListener("pointercancel", () => {
      drag = null;
      range.setAttribute("visibility", "hidden");
    });
    plot.addEventListener("pointerleave", (event) => {
      /* A finger always leaves; what it read stays until it touches elsewhere. */
      if (event.pointerType !== "mouse") return;
      cursor = null;
      showCursor();
      hide();
    });
    plot.addEventListener("dblclick", () => zoom(0, n));
    plot.addEventListener("wheel", (event) => {
      /* A plain wheel scrolls the page; with Shift or Ctrl, or in a focused chart, it zooms. */
      const amount = event.deltaY || event.deltaX;
      const meant = event.ctrlKey || event.shiftKey || document.activeElement === plot;
      if (!meant || (amount > 0 && from === 0 && to === n)) return;
      event.preventDefault();
      const box = plot.getBoundingClientRect();
      zoomBy(amount > 0 ? 1.25 : 0.8, (event.clientX - box.left) / box.width);
    }, { passive: false });
    plot.addEventListener("keydown", (event) => {
      const move = (by) => {
        const start = cursor === null ? (by > 0 ? Math.floor(from) - 1 : Math.ceil(to)) : cursor;
        const index = Math.max(0, Math.min(n - 1, start + by));
        if (index < from) zoom(index, index + (to - from));
        else if (index + 1 > to) zoom(index + 1 - (to - from), index + 1);
        const box = plot.getBoundingClientRect();
        read(index, box.left + shareOf(index) * box.width, box.top + box.height / 3);
        speak(index);
      };
      const shift = (direction) => zoom(from + ((to - from) * direction) / 4, to + ((to - from) * direction) / 4);
      const actions = {
        ArrowLeft: () => (event.shiftKey ? shift(-1) : move(-1)),
        ArrowRight: () => (event.shiftKey ? shift(1) : move(1)),
        PageUp: () => move(-10),
        PageDown: () => move(10),
        Home: () => move(-n),
        End: () => move(n),
        "+": () => zoomBy(0.5, cursor === null ? 0.5 : shareOf(cursor)),
        "=": () => zoomBy(0.5, cursor === null ? 0.5 : shareOf(cursor)),
        "-": () => zoomBy(2, cursor === null ? 0.5 : shareOf(cursor)),
        0: () => zoom(0, n),
        Escape: () => {
          cursor = null;
          showCursor();
          hide();
        },
      };
      const action = actions[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      action();
    });
    plot.addEventListener("blur", () => {
      cursor = null;
      showCursor();
      hide();
    });
    for (const button of $$("button[data-measure]")) {
      button.addEventListener("click", () => {
        measure = button.dataset.measure;
        for (const other of $$("button[data-measure]")) other.setAttribute("aria-pressed", String(other === button));
        show();
      });
    }
    $("#zoom-in").addEventListener("click", () => zoomBy(0.5));
    $("#zoom-out").addEventListener("click", () => zoomBy(2));
    $("#zoom-reset").addEventListener("click", () => zoom(0, n));
    addEventListener("resize", show);
    addEventListener("beforeprint", () => zoom(0, n));
    show();
  };

  for (const part of [theme, save, contents, switches, sorting, tooltips, timeline]) part();
})();
