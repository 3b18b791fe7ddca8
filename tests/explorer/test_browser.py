"""The explorer in a real browser: headless Chromium, WebGL2 in software."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import numpy as np
import pytest
from browser import state_of, wait_for, wait_until_ready
from planar_nets import BOX, network

import exactspline as es
from exactspline.explorer.window import polygons_of
from exactspline.partition.partition import Partition

HOVER = """
const [pixels, done] = arguments, stage = document.getElementById("stage");
const box = document.getElementById("faces").getBoundingClientRect(), out = [];
const next = (i) => {
  if (i === pixels.length) return done(out);
  const clientX = box.left + pixels[i][0] + 0.5, clientY = box.top + pixels[i][1] + 0.5;
  stage.dispatchEvent(new PointerEvent("pointermove", {clientX, clientY, bubbles: true}));
  const read = () => {
    out.push(Number(document.getElementById("plot").dataset.region));
    next(i + 1);
  };
  if (i % 20 === 0) return requestAnimationFrame(read);
  window.exactspline.lookNow(); // what the next frame would do
  return read();
};
const begin = () => { // when the picture rests, and all is drawn
  if (window.exactspline.moving) setTimeout(begin, 20);
  else requestAnimationFrame(() => next(0));
};
begin();
"""
VIEW = (
    "const v = window.exactspline.view; return [v.x, v.y, v.perPixel, v.stretch, v.width, v.height]"
)


def keys(driver, *pressed):
    """Press keys on the picture, as a person does."""
    from selenium.webdriver.common.by import By

    stage = driver.find_element(By.ID, "stage")
    for key in pressed:
        stage.send_keys(key)


def text_of(driver, name):
    return driver.execute_script(f"return document.getElementById('{name}').textContent")


def state_is(driver, **expected):
    def so():
        state = state_of(driver)
        return all(state.get(key) == value for key, value in expected.items())

    wait_for(driver, so)


def hovered_regions_are_located(driver, omega, pixels):
    """Hover pixels; what the page shows is what `locate` gives, away from edges. How many were."""
    x, y, per_pixel, stretch, width, height = driver.execute_script(VIEW)
    shown = driver.execute_async_script(HOVER, [[int(v) for v in p] for p in pixels])
    half, wide = Fraction(1, 2), Fraction(per_pixel)
    tall = wide * Fraction(stretch)
    points = [
        (
            Fraction(x) + (int(px) + half - Fraction(width) / 2) * wide,
            Fraction(y) - (int(py) + half - Fraction(height) / 2) * tall,
        )
        for px, py in pixels
    ]
    found = omega.locate(np.array(points, dtype=object), domain_coordinates=True)
    compared, window = 0, polygons_of(omega.complex()).window
    for point, region, expected in zip(points, shown, found.region.tolist(), strict=True):
        if window is not None and not within(point, window, wide):
            continue
        if far_from_edges(omega, point, expected, 1.01 * per_pixel, 1.01 * float(tall)):
            assert region == expected, (point, region, expected)
            compared += 1
    return compared


def within(point, window, room):
    """Whether a point lies in the window where unbounded regions are cut, and off its sides."""
    left, below, right, above = window
    x, y = point
    return left + room < x < right - room and below + room < y < above - room


def far_from_edges(omega, point, region, across, up):
    """Whether a point is more than a pixel away from all sides of its region, exactly."""
    if region < 0:  # outside of the domain: so are its neighbours
        steps = [(sx * across, sy * up) for sx in (-1, 1) for sy in (-1, 1)]
        moved = [[point[0] + Fraction(a), point[1] + Fraction(b)] for a, b in steps]
        around = omega.locate(np.array(moved, dtype=object), domain_coordinates=True)
        return bool((around.region < 0).all())
    found = omega.complex()
    for edge in found.faces[region].edges:
        if edge < 0:
            continue
        c, a, b = found.edges.line(edge)
        room = abs(a) * Fraction(across) + abs(b) * Fraction(up)
        if abs(c + a * point[0] + b * point[1]) <= room:
            return False
    return True


@pytest.fixture(scope="module")
def omega():
    return es.enumerate_regions(network(0, 2, 10, 8, 3), BOX)


# ------------------------------------------------------------------------------------- picking
@pytest.mark.parametrize("domain", [BOX, None], ids=["box", "plane"])
def test_two_hundred_points_are_in_the_regions_that_locate_gives(domain, opened, omega):
    if domain is None:
        omega = es.enumerate_regions(omega.network)
    driver = opened(omega.explore(boundary=False))
    width, height = driver.execute_script(VIEW)[4:]
    rng = np.random.default_rng(0)
    reach = 0.47 * min(width, height)  # most of them in the picture, a few beside it
    middle = np.array([width, height]) / 2
    pixels = (middle + rng.uniform(-reach, reach, (320, 2))).astype(int)
    assert hovered_regions_are_located(driver, omega, pixels) >= 200


def test_deep_zoom_is_as_exact(opened, omega):
    """At a corner, so far in that float32 coordinates could not tell pixels apart."""
    found = omega.complex()
    inner = next(i for i in range(len(found.corners)) if len(found.corners.star(i)) == 4
                 and np.all(np.abs(found.corners.xy[i]) < 0.9))  # fmt: skip
    x, y = found.corners.xy[inner].tolist()
    driver = opened(omega.explore(boundary=False), f"#x={x!r}&y={y!r}&w=1e-9")
    view = driver.execute_script(VIEW)
    assert view[2] * view[4] == pytest.approx(1e-9)
    rng = np.random.default_rng(1)
    middle = np.array(view[4:]) / 2
    pixels = (middle + rng.uniform(-180, 180, (60, 2))).astype(int)
    assert hovered_regions_are_located(driver, omega, pixels) > 45
    shown = set(driver.execute_async_script(HOVER, pixels.tolist()))
    assert shown == set(found.corners.star(inner))


def test_wheel_drag_and_pinch(opened, omega):
    driver = opened(omega.explore(boundary=False))
    said = driver.execute_script("""
        const stage = document.getElementById("stage"), view = window.exactspline.view;
        const box = document.getElementById("frame").getBoundingClientRect();
        const event = (kind, id, x, y) => stage.dispatchEvent(new PointerEvent(kind, {
          pointerId: id, clientX: box.left + x, clientY: box.top + y, bubbles: true, button: 0}));
        const now = () => [view.x, view.y, view.perPixel], out = [];
        const under = view.point(300, 200);
        stage.dispatchEvent(new WheelEvent("wheel", {
          deltaY: -120, clientX: box.left + 300, clientY: box.top + 200, cancelable: true}));
        out.push(now(), [...under, ...view.point(300, 200)]);
        const before = now();
        event("pointerdown", 7, 200, 200); event("pointermove", 7, 250, 180);
        event("pointerup", 7, 250, 180);
        out.push(before, now());
        const anchor = view.point(250, 200), size = view.perPixel;
        event("pointerdown", 8, 200, 200); event("pointerdown", 9, 300, 200);
        event("pointermove", 8, 150, 200); event("pointermove", 9, 350, 200);
        event("pointerup", 8, 150, 200); event("pointerup", 9, 350, 200);
        out.push([size, view.perPixel], [...anchor, ...view.point(250, 200)]);
        return [out, window.exactspline.heldRegion];
    """)  # fmt: skip
    (zoomed, kept, before, moved, sizes, pinched), held = said
    assert zoomed[2] < 2.2 / 600
    assert kept[:2] == pytest.approx(kept[2:], abs=1e-12)
    assert moved[0] - before[0] == pytest.approx(-50 * before[2])
    assert moved[1] - before[1] == pytest.approx(-20 * before[2])
    assert sizes[0] / sizes[1] == pytest.approx(2)
    assert pinched[:2] == pytest.approx(pinched[2:], abs=60 * sizes[0])
    assert held == -1  # no movement is a tap


def test_a_search_finds_regions_and_points(opened, omega):
    driver = opened(omega.explore(boundary=False))
    find = "document.getElementById('query').value = arguments[0];"
    find += "document.getElementById('search').requestSubmit()"
    driver.execute_script(find, "17")
    state_is(driver, held="17")
    point = [0.125, -0.375]
    driver.execute_script(find, "0.125, -0.375")
    state_is(driver, held=str(omega.locate([point]).region[0]))
    driver.execute_script(find, "1000000")
    assert "There are" in text_of(driver, "found")
    driver.execute_script(find, "5, 5")
    assert "no region" in text_of(driver, "found")


# ------------------------------------------------------------------------------------- the pane
def test_the_pane_says_what_the_region_says(opened, omega):
    driver = opened(omega.explore(boundary=False))
    for index in (3, 40, 77):
        region = omega[index]
        said = driver.execute_script("""
            const app = window.exactspline, id = arguments[0], g = app.data.geometry;
            app.goTo(id);
            const code = app.data.codes.of(id), rows = app.data.network.rows(code);
            const sides = g.sidesOf(id).filter((s) => s.across >= 0).map((s) => [s.across,
              app.data.units.name(g.unit[s.edge]), app.data.units.layerOf(g.unit[s.edge]),
              app.data.network.side(rows.members, g.unit[s.edge], code[g.unit[s.edge]],
                app.data.codes.piece(s.across, g.unit[s.edge]))]);
            return {code: [...code], outputs: [...rows.outputs], sides, area: g.measure(id).area,
              text: document.getElementById("region").textContent};
        """, index)  # fmt: skip
        assert said["code"] == region.code.tolist()
        A, b = region.affine()
        assert np.allclose(np.reshape(said["outputs"], (3, 3)), np.column_stack([b, A]))
        assert said["area"] == pytest.approx(float(region.area()))
        found = omega.complex().faces[index].neighbors
        assert {s[0] for s in said["sides"]} == {f for f in found if f >= 0}
        known = {str(q.unit_name): q for q in region.inequalities() if q.unit_name is not None}
        for across, name, layer, row in said["sides"]:
            inequality = known[name]
            exact = [float(inequality.constant), *map(float, inequality.coefficients)]
            assert np.allclose(row, exact), (index, across)
            assert layer == np.searchsorted(
                omega.network.program.unit_start, inequality.unit, side="right") - 1  # fmt: skip
            assert f"{name}, layer {layer + 1}" in said["text"]
            assert f"{across} →" in said["text"]
        borders = sum(f < 0 for f in found)
        assert said["text"].count("side of the domain") == borders


def test_images_and_templates_of_a_slice(opened):
    rng = np.random.default_rng(4)
    kernel = rng.standard_normal((2, 1, 3, 3))
    dense = es.Dense(rng.standard_normal((3, 2 * 4 * 4)) / 4, rng.standard_normal(3))
    net = es.Network([es.Conv(kernel, rng.standard_normal(2)), es.ReLU(), es.Flatten(), dense],
                     (1, 6, 6))  # fmt: skip
    points = rng.uniform(0, 1, (3, 36))
    omega = es.enumerate_regions(net, es.Slice.through(*points, domain=es.Box(0, 1, dim=2)))
    driver = opened(omega.explore())
    t = [0.3, 0.45]
    said = driver.execute_script("""
        const app = window.exactspline, [x, y] = arguments;
        const id = app.data.geometry.locate(x, y), code = app.data.codes.of(id);
        app.hover(...app.view.pixel(x, y));
        app.lookNow();
        return {id, input: [...app.data.network.input(x, y)], best: app.pointerPane.best,
          template: [...app.pointerPane.template], code: [...code],
          shown: !document.getElementById("images").hidden,
          scores: document.getElementById("scores").textContent};
    """, *t)  # fmt: skip
    x = points[0] + t[0] * (points[1] - points[0]) + t[1] * (points[2] - points[0])
    assert np.allclose(said["input"], x)
    region = omega[said["id"]]
    A, b = region.affine()
    values = A.reshape(3, -1) @ x + b.reshape(-1)
    assert said["best"] == values.argmax()
    assert np.allclose(said["template"], A.reshape(3, -1)[said["best"]])
    assert said["shown"]
    assert f"{values.max():.3f}"[:4] in said["scores"].replace("−", "-")


# --------------------------------------------------------------------------- keys and controls
def test_a_walk_by_the_keyboard_alone(opened, omega):
    driver = opened(omega.explore(boundary=False))
    keys(driver, "\ue007")  # Enter
    wait_for(driver, lambda: int(state_of(driver).get("held", -1)) >= 0)
    here = int(state_of(driver)["held"])
    x, y = driver.execute_script(VIEW)[:2]
    assert here in omega.locate([[x, y]]).all(0)
    for _ in range(4):
        keys(driver, "]")
        there = int(state_of(driver)["marked"])
        assert there in omega.complex().faces[here].neighbors
        assert f"Neighbour {there}" in text_of(driver, "live")
        keys(driver, "\ue007")
        state_is(driver, held=str(there))
        assert f"Region {there} of {len(omega)}" in text_of(driver, "live")
        assert f"Region {there}" in text_of(driver, "region-title")
        here = there
    before = driver.execute_script(VIEW)
    keys(driver, "+", "\ue014")  # zoom in, then right
    after = driver.execute_script(VIEW)
    assert after[2] < before[2]
    assert after[0] > before[0]
    keys(driver, "\ue00c", "0", "?")  # Escape, all, help
    assert state_of(driver)["held"] == "-1"
    assert driver.execute_script("return !document.getElementById('keys').hidden")


def test_colours_are_those_of_the_scale(opened, omega):
    driver = opened(omega.explore(boundary=False, values={"mine": np.arange(len(omega))}))
    options = driver.execute_script(
        "return [...document.getElementById('colour').options].map((o) => o.value)"
    )
    assert {"piece", "region", "slope", "class", "output 0", "active", "area"} < set(options)
    assert "value mine" in options
    seen = set()
    for option in ("class", "slope", "value mine", "none"):
        driver.execute_script("""
            const select = document.getElementById("colour");
            select.value = arguments[0];
            select.dispatchEvent(new Event("change"));
        """, option)  # fmt: skip
        state_is(driver, colour=option)
        pixels, colours = driver.execute_script("""
            const app = window.exactspline, gl = app.drawing.gl, g = app.data.geometry;
            const level = app.level(), out = [];
            app.drawing.draw(level, app.view, []);
            const ids = app.data.said.count;
            for (let i = 0; i < ids; i++) {
              const m = g.measure(i), p = app.view.pixel(m.x, m.y).map(Math.floor);
              if (app.spanInPixels(i) < 20 || app.regionAt(p[0] + 0.5, p[1] + 0.5) !== i) continue;
              out.push([i, p]);
            }
            app.drawing.draw(level, app.view, []);
            const pixel = new Uint8Array(4), read = [];
            for (const [i, p] of out) {
              const row = app.drawing.canvas.height - 1 - p[1];
              gl.readPixels(p[0], row, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
              read.push([i, ...pixel]);
            }
            return [read, [...app.colours]];
        """)  # fmt: skip
        assert len(pixels) > 20
        for region, *rgba in pixels:
            assert rgba == colours[4 * region : 4 * region + 4]
        seen.add(json.dumps(pixels))
    assert len(seen) == 4


def test_layers_units_and_the_boundary(opened, omega):
    driver = opened(omega.explore())
    script = """
        const app = window.exactspline, level = app.level();
        return app.linesOf(level).map((l) => l.segments.count);
    """
    both = driver.execute_script(script)
    driver.execute_script("document.querySelector('#layers input').click()")
    assert len(driver.execute_script(script)) == len(both) - 1
    unit = 12
    count = driver.execute_script("""
        window.exactspline.setUnit(arguments[0]);
        return window.exactspline.unitSegments.length / 4;
    """, unit)  # fmt: skip
    found = omega.complex().edges
    bends = [e for e in range(len(found)) if unit in [u for u, _ in found.units(e)]]
    assert count == len(bends) > 0
    assert f"bends on {count}" in text_of(driver, "unit-name")


def test_a_slider_goes_over_checkpoints(opened):
    nets = [network(seed, 2, 6, 2) for seed in range(3)]
    driver = opened(es.explore(nets, BOX, labels=["one", "two", "three"]))
    partitions = [es.enumerate_regions(net, BOX) for net in nets]
    keys(driver, "\ue007")
    for number, (label, omega) in enumerate(zip(("one", "two", "three"), partitions, strict=True)):
        if number:
            driver.execute_script("""
                const slider = document.getElementById("checkpoint");
                slider.value = arguments[0];
                slider.dispatchEvent(new Event("input"));
            """, number)  # fmt: skip
        state_is(driver, checkpoint=str(number))
        assert text_of(driver, "checkpoint-name") == label
        assert text_of(driver, "facts").startswith(f"{len(omega):,} region")
        # the region that is held is the one at the same point
        held = int(state_of(driver)["held"])
        point = driver.execute_script("return window.exactspline.anchor")
        assert held in omega.locate([point]).all(0)
    keys(driver, ",")
    state_is(driver, checkpoint="1")


# -------------------------------------------------------------------------------- link and file
def test_the_link_restores_the_view(opened, omega):
    driver = opened(omega.explore())
    driver.execute_script("""
        const app = window.exactspline;
        app.view.zoomAt(200, 100, 7);
        app.setColour("slope");
        app.state.off.add(1);
        app.setUnit(3);
        app.hold(20);
        app.moved();
    """)
    wait_for(driver, lambda: "region=20" in driver.current_url and "unit=3" in driver.current_url)
    link = driver.current_url
    view = driver.execute_script(VIEW)
    driver.get("about:blank")
    driver.get(link)
    wait_until_ready(driver)
    state_is(driver, held="20", colour="slope", unit="3")
    assert driver.execute_script(VIEW) == pytest.approx(view)
    assert driver.execute_script("return [...window.exactspline.state.off]") == [1]


def test_a_broken_link_does_no_harm(opened, omega):
    driver = opened(
        omega.explore(), "#x=NaN&y=1e999&w=-1&colour=%E0%A4%A&region=1e9&unit=-4&off=a,99"
    )
    state_is(driver, state="ready", colour="piece")
    assert state_of(driver)["held"] == "-1"


def test_the_picture_is_saved(opened, omega):
    driver = opened(omega.explore())
    said = driver.execute_async_script("""
        const done = arguments[0], canvas = window.exactspline.picture();
        const context = canvas.getContext("2d"), seen = new Set();
        const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
        for (let i = 0; i < pixels.length; i += 4) seen.add(pixels.slice(i, i + 3).join());
        canvas.toBlob(async (blob) => done({
          head: [...new Uint8Array(await blob.slice(0, 4).arrayBuffer())], colours: seen.size}));
    """)
    assert bytes(said["head"]) == b"\x89PNG"
    assert said["colours"] > 60


HOSTILE = "</script><img src=x onerror='window.hacked=1'>" + chr(0x2028)


def test_hostile_names_are_shown_as_text(opened):
    net = network(0, 2, 4, 3, 2, name=HOSTILE)
    driver = opened(es.explore(net, BOX, labels=[HOSTILE], title=HOSTILE))
    driver.execute_script("const app = window.exactspline; app.setUnit(1); app.goTo(2)")
    said = driver.execute_script("""
        return {images: document.images.length, hacked: window.hacked ?? null,
          scripts: document.scripts.length, title: document.getElementById("title").textContent,
          pane: document.getElementById("region-body").textContent,
          unit: document.getElementById("unit-name").textContent,
          columns: document.querySelectorAll("script[type='text/plain']").length};
    """)
    assert said["images"] == 0
    assert said["hacked"] is None
    assert said["scripts"] == said["columns"] + 2
    assert said["title"] == HOSTILE
    assert "<img src=x" in said["pane"]
    assert "<img src=x" in said["unit"]


def test_the_page_asks_for_nothing(opened, omega):
    driver = opened(omega.explore())
    refused = driver.execute_async_script("""
        const done = arguments[0];
        fetch("file:///etc/hostname").then(() => done("fetched"), () => done("refused"));
    """)
    assert refused == "refused"
    assert driver.execute_script("return performance.getEntriesByType('resource').length") == 0
    driver.get_log("browser")  # of the refusal


# ---------------------------------------------------------------------------------- small cases
def test_one_region_opens(opened):
    omega = es.enumerate_regions(es.Network([es.Dense([[1, 2]], [3])], (2,)))
    driver = opened(omega.explore())
    keys(driver, "\ue007")
    state_is(driver, held="0")
    assert "unbounded" in text_of(driver, "region")
    assert re.search(r"cut at \[−?-?1, 1\]", text_of(driver, "domain"))


def test_no_region_opens(opened):
    net = network(0, 2, 3, 1)
    driver = opened(Partition(net, BOX).explore())
    assert "no regions" in text_of(driver, "message")


def test_dark_and_light(opened, omega):
    driver = opened(omega.explore())
    colours = []
    for scheme in ("light", "dark"):
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})  # fmt: skip
        said = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
        colours.append(sum(map(int, re.findall(r"\d+", said)[:3])))
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert colours[0] > 700
    assert colours[1] < 150


@pytest.mark.slow
def test_a_hundred_thousand_regions_move(opened):
    """A generous bound: benchmarks/explore.py measures."""
    omega = es.enumerate_regions(network(0, 2, 530, 2), BOX, polygons=True)
    assert len(omega) > 95_000
    driver = opened(omega.explore(boundary=False))
    frames = driver.execute_async_script("""
        const done = arguments[0], app = window.exactspline, begin = performance.now();
        let k = 0;
        const step = () => {
          k += 1;
          app.view.moveBy(4 * Math.cos(k / 9), 4 * Math.sin(k / 9));
          app.moved();
          app.drawing.gl.finish();
          if (performance.now() - begin > 3000) done(k / 3);
          else requestAnimationFrame(step);
        };
        requestAnimationFrame(step);
    """)
    assert frames > 3
    assert driver.execute_script("return window.exactspline.regionAt(300, 300)") >= 0
