//! The parts that charts are drawn from: the box, its axes, lines and labels.
//!
//! Everything is in the units of a view box, which the page scales to the room
//! that there is; the style sheet sets the letters' size by that room.

use std::fmt::Write as _;

use gauntlet_model::lifecycle::Phase;

use self::axis::Axis;
use super::{
    gather::Gathered,
    markup::Markup,
    scale::{Scale, Stretch},
};

mod axis;
pub(super) mod curve;
pub(super) mod heat;
pub(super) mod levels;
pub(super) mod time;

/// The size of a chart.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 336.0;
/// Room for the names on the left of the box, above and below it.
const LEFT: f64 = 82.0;
const ABOVE: f64 = 46.0;
const BELOW: f64 = 52.0;
/// The box from the bottom up.
const UP: Stretch = (HEIGHT - BELOW, ABOVE);
/// The width of a letter where letters are largest, and the height of a line.
const LETTER: f64 = 10.5;
const LETTERS_HIGH: f64 = 20.0;
/// How wide a point is drawn that no line leads to.
const ALONE: f64 = 10.0;
/// A label has no more letters.
const LONGEST_LABEL: usize = 14;

/// The box that the data lies in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frame {
    right: f64,
}

impl Frame {
    /// With room for labels on the right.
    pub(super) fn beside<'a>(labels: impl IntoIterator<Item = &'a str>) -> Self {
        let letters = labels
            .into_iter()
            .map(|label| shortened(label).chars().count());
        let longest = letters.max().unwrap_or(0) as f64;
        let room = if longest > 0.0 {
            longest * LETTER + 10.0
        } else {
            14.0
        };
        Self {
            right: WIDTH - room,
        }
    }

    /// From left to right.
    pub(super) fn across(self) -> Stretch {
        (LEFT, self.right)
    }
}

/// A line through places of a chart; each part is drawn without a gap.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Line {
    /// The style: a colour and a pattern of dashes.
    pub(super) style: &'static str,
    /// What is written at its end.
    pub(super) label: String,
    pub(super) parts: Vec<Vec<(f64, f64)>>,
}

/// What a chart says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Caption {
    /// Unique in the page.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// Beside the title.
    pub(super) note: String,
    /// For those who do not see it.
    pub(super) description: String,
}

/// A chart with its title, and what stands below it.
pub(super) fn figure(
    page: &mut Markup,
    caption: &Caption,
    draw: impl FnOnce(&mut Markup),
    below: impl FnOnce(&mut Markup),
) {
    let (title, description) = (format!("{}-t", caption.id), format!("{}-d", caption.id));
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    page.element("figure", &[("id", caption.id)], |page| {
        page.element("figcaption", &[], |page| {
            page.line("h3", &[], caption.title);
            if !caption.note.is_empty() {
                page.line("p", &[], &caption.note);
            }
        });
        let attributes = [
            ("viewBox", view.as_str()),
            ("role", "img"),
            ("aria-labelledby", title.as_str()),
            ("aria-describedby", description.as_str()),
        ];
        page.element("svg", &attributes, |page| {
            page.line("title", &[("id", &title)], caption.title);
            page.line("desc", &[("id", &description)], &caption.description);
            draw(page);
        });
        below(page);
    });
    page.newline();
}

/// The box's grid and the names of its axes.
pub(super) fn axes(page: &mut Markup, frame: Frame, across: &Axis, up: &Axis) {
    let (left, right) = frame.across();
    let (bottom, _) = UP;
    let mut grid = String::new();
    for (value, _) in &up.ticks {
        let _ = write!(
            grid,
            "M{} {}H{}",
            px(left),
            px(up.scale.at(*value)),
            px(right)
        );
    }
    page.leaf("path", &[("class", "grid"), ("d", &grid)]);
    let mut marks = format!("M{} {}H{}", px(left), px(bottom), px(right));
    for (value, _) in &across.ticks {
        let _ = write!(marks, "M{} {}v5", px(across.scale.at(*value)), px(bottom));
    }
    page.leaf("path", &[("class", "axis"), ("d", &marks)]);
    for (value, name) in &up.ticks {
        label(page, "e", left - 8.0, up.scale.at(*value) + 5.0, name);
    }
    for (index, (value, name)) in across.ticks.iter().enumerate() {
        // On a narrow screen every second one is left out.
        let class = if index % 2 == 0 { "m" } else { "m o" };
        label(page, class, across.scale.at(*value), bottom + 22.0, name);
    }
    label(page, "e c", right, HEIGHT - 8.0, &across.caption);
    label(page, "c", 2.0, 16.0, &up.caption);
}

/// Lines, and what is written at their ends, none over the other.
pub(super) fn lines(page: &mut Markup, frame: Frame, lines: &[Line]) {
    for line in lines {
        let mut path = String::new();
        for part in &line.parts {
            trace(part, &mut path);
        }
        if !path.is_empty() {
            let class = format!("line {}", line.style);
            page.leaf("path", &[("class", &class), ("d", &path)]);
        }
    }
    let ended: Vec<(&Line, f64)> = lines
        .iter()
        .filter(|line| !line.label.is_empty())
        .filter_map(|line| Some((line, line.parts.last()?.last()?.1)))
        .collect();
    let ends: Vec<f64> = ended.iter().map(|(_, end)| *end).collect();
    let (bottom, top) = UP;
    let places = spread(&ends, LETTERS_HIGH, top, bottom);
    for ((line, _), place) in ended.iter().zip(places) {
        let class = format!("l {}", line.style);
        label(
            page,
            &class,
            frame.right + 7.0,
            place + 5.0,
            &shortened(&line.label),
        );
    }
}

/// The area between a line and the bottom of the box.
pub(super) fn area(page: &mut Markup, line: &Line) {
    let (bottom, _) = UP;
    let mut path = String::new();
    for part in line.parts.iter().filter(|part| part.len() > 1) {
        trace(part, &mut path);
        if let (Some(first), Some(last)) = (part.first(), part.last()) {
            let _ = write!(
                path,
                "L{} {b}L{} {b}Z",
                px(last.0),
                px(first.0),
                b = px(bottom)
            );
        }
    }
    if !path.is_empty() {
        let class = format!("area {}", line.style);
        page.leaf("path", &[("class", &class), ("d", &path)]);
    }
}

/// Where the load was not counted, and the names of the phases.
pub(super) fn phases(page: &mut Markup, across: Scale, gathered: &Gathered) {
    let (bottom, top) = UP;
    for (phase, from, to) in gathered.stretches() {
        if to <= 0.0 || from >= across.largest() {
            continue;
        }
        let (from, to) = (across.at(from), across.at(to));
        let width = to - from;
        let name = match phase {
            Phase::Warmup => "warmup",
            Phase::Measurement => "measurement",
            Phase::Cooldown => "drain",
            Phase::Preparing | Phase::Processing | Phase::Done => continue,
        };
        if phase != Phase::Measurement {
            let (height, width) = (px(bottom - top), px(width));
            let (x, y) = (px(from), px(top));
            let attributes = [
                ("class", "pause"),
                ("x", x.as_str()),
                ("y", &y),
                ("width", &width),
                ("height", &height),
            ];
            page.leaf("rect", &attributes);
        }
        if width >= name.len() as f64 * LETTER {
            label(page, "m p", f64::midpoint(from, to), top - 6.0, name);
        }
    }
}

/// A text at a place.
pub(super) fn label(page: &mut Markup, class: &str, x: f64, y: f64, text: &str) {
    let (x, y) = (px(x), px(y));
    page.line("text", &[("class", class), ("x", &x), ("y", &y)], text);
}

/// A length of the view box, to a tenth.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

fn trace(part: &[(f64, f64)], path: &mut String) {
    if let [(x, y)] = part {
        let _ = write!(path, "M{} {}h{}", px(x - ALONE / 2.0), px(*y), px(ALONE));
        return;
    }
    for (index, (x, y)) in part.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", px(*x), px(*y));
    }
}

/// Places `gap` apart, as near as can be to those given, between `top` and
/// `bottom` as far as they fit.
fn spread(places: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|one, other| places[*one].total_cmp(&places[*other]));
    let mut found = places.to_vec();
    let mut least = top;
    for index in &order {
        found[*index] = found[*index].max(least);
        least = found[*index] + gap;
    }
    let mut most = bottom;
    for index in order.iter().rev() {
        found[*index] = found[*index].min(most);
        most = found[*index] - gap;
    }
    found
}

fn shortened(label: &str) -> String {
    if label.chars().count() <= LONGEST_LABEL {
        return label.to_owned();
    }
    let start: String = label.chars().take(LONGEST_LABEL - 1).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_labels_are_cut_and_make_room() {
        assert_eq!(shortened("point-lookup"), "point-lookup");
        assert_eq!(shortened("a-very-long-operation"), "a-very-long-o…");
        assert!(Frame::beside(["p99.9"]).across().1 > Frame::beside(["point-lookup"]).across().1);
        assert!(Frame::beside([]).across().1 < WIDTH);
    }

    proptest! {
        #[test]
        fn labels_do_not_lie_over_each_other(places in prop::collection::vec(0.0..300.0_f64, 0..12)) {
            let found = spread(&places, 20.0, 30.0, 280.0);
            let mut sorted = found.clone();
            sorted.sort_by(f64::total_cmp);
            for pair in sorted.windows(2) {
                prop_assert!(pair[1] - pair[0] >= 20.0 - 1e-9, "{found:?}");
            }
            prop_assert!(found.iter().all(|place| *place <= 280.0));
        }
    }
}
