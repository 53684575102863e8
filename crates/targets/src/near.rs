//! Names like one that is not there.

/// How many are told.
const AT_MOST: usize = 3;

/// The names like `wanted`, the likest first, at most three. Names are compared without their schema and without case.
pub(crate) fn near(wanted: &str, names: impl IntoIterator<Item = String>) -> Vec<String> {
    let wanted = key(wanted);
    let mut found: Vec<(usize, String)> = names
        .into_iter()
        .filter_map(|name| Some((likeness(&wanted, &key(&name))?, name)))
        .collect();
    found.sort();
    found.dedup();
    let names = found.into_iter().map(|(_, name)| name);
    names.take(AT_MOST).collect()
}

fn key(name: &str) -> String {
    crate::name::TableName::parse(name).name().to_lowercase()
}

/// 0 for the same name, more the less they are alike; nothing if they are not.
fn likeness(wanted: &str, name: &str) -> Option<usize> {
    let distance = distance(wanted, name);
    let allowed = wanted.chars().count().max(name.chars().count()).div_ceil(3);
    let contained =
        wanted.len().min(name.len()) >= 3 && (name.contains(wanted) || wanted.contains(name));
    (distance <= allowed || contained).then_some(distance)
}

/// Letters to insert, delete or replace to come from one to the other (Levenshtein, 1965).
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (position, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = position + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, names: &[&str], expected: &[&str]) {
        let names = names.iter().map(|name| (*name).to_owned());
        assert_eq!(near(wanted, names), expected, "{wanted}");
    }

    #[test]
    fn distances_are_counted_in_letters() {
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("orders", "orders", 0),
            ("größe", "grösse", 2),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
            assert_eq!(distance(to, from), expected, "{to} {from}");
        }
    }

    #[test]
    fn the_likest_come_first() {
        let names = [
            "items",
            "orders",
            "order_lines",
            "Order",
            "users",
            "sales.orders",
        ];
        check("ordres", &names, &["Order", "orders", "sales.orders"]);
        check("order", &names, &["Order", "orders", "sales.orders"]);
        check(
            "public.ORDERS",
            &names,
            &["orders", "sales.orders", "Order"],
        );
        check("x", &names, &[]);
        check("item", &names, &["items"]);
        check("anything", &[], &[]);
    }
}
