//! A bar chart as SVG, readable on light and dark pages.

use super::statistics::Spread;
use std::fmt::Write as _;

/// A bar: its length, the quartiles as a line over it, and a mark where the goal is.
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) value: Spread,
    pub(crate) goal: Option<f64>,
}

const LABELS: f64 = 250.0;
const PLOT: f64 = 460.0;
const ROW: f64 = 26.0;
const TOP: f64 = 40.0;

/// Horizontal bars from 0.
pub(crate) fn bars(title: &str, bars: &[Bar]) -> String {
    let most = bars.iter().map(|bar| bar.value.high.max(bar.goal.unwrap_or_default())).fold(1.0, f64::max);
    let x = |value: f64| LABELS + value.clamp(0.0, most) / most * PLOT;
    let (width, height) = (LABELS + PLOT + 90.0, TOP + ROW * bars.len() as f64 + 30.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title>{title}</title>\n<style>text{{fill:#57606a}}.bar{{fill:#4c8dd6}}.spread{{stroke:#57606a;stroke-width:1.5}}\
         .goal{{stroke:#d1242f;stroke-width:2}}</style>\n<text x=\"8\" y=\"22\" font-size=\"15\">{title}</text>\n"
    );
    for (index, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * index as f64;
        let middle = y + ROW / 2.0;
        let Bar { label, value, goal } = bar;
        let end = x(value.high.max(goal.unwrap_or_default()).max(value.median));
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\
             <rect class=\"bar\" x=\"{LABELS}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
             <line class=\"spread\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{:.1}</text>",
            LABELS - 8.0,
            middle + 4.0,
            y + 4.0,
            x(value.median) - LABELS,
            ROW - 8.0,
            x(value.low),
            x(value.high),
            end + 6.0,
            middle + 4.0,
            value.median,
        );
        if let Some(goal) = goal {
            let at = x(*goal);
            let _ = writeln!(
                svg,
                "<line class=\"goal\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{y:.1}\" y2=\"{:.1}\"/>",
                y + ROW
            );
        }
    }
    let foot = TOP + ROW * bars.len() as f64 + 18.0;
    let _ = writeln!(
        svg,
        "<text x=\"{LABELS}\" y=\"{foot:.1}\" font-size=\"11\">thin line: quartiles; red: the goal</text>\n</svg>"
    );
    svg
}
