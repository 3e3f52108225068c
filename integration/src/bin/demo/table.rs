//! The table on the terminal.

const WIDTHS: [usize; 7] = [40, 21, 32, 21, 8, 6, 8];
const TITLES: [&str; 7] = ["request", "waf", "authz", "canary", "affinity", "status", "endpoint"];

pub(crate) fn heading(text: &str) {
    println!("\n{text}");
    println!("{}", line(TITLES.map(str::to_owned)));
    println!("{}", line(WIDTHS.map(|width| "-".repeat(width))));
}

pub(crate) fn row(cells: [String; 7]) {
    println!("{}", line(cells));
}

fn line(cells: [String; 7]) -> String {
    let cells = cells.into_iter().zip(WIDTHS).map(|(cell, width)| {
        let cell = if cell.chars().count() > width {
            cell.chars().take(width - 1).chain(['…']).collect()
        } else {
            cell
        };
        format!("{cell:<width$}")
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}
