//! Names of tables as people write them: `orders`, `sales.orders`, `"we ird"."tab""le"`.

use crate::sql::quoted;

/// A table's name, in its parts; there is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName(Vec<String>);

impl TableName {
    pub(crate) fn new(schema: &str, name: &str) -> Self {
        Self(vec![schema.to_owned(), name.to_owned()])
    }

    /// A name that is found without its schema.
    #[cfg(feature = "postgres")]
    pub(crate) fn bare(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// Parts are divided by dots. A part in double quotes is what is between them, with `""` for one; any other part is
    /// taken as it stands, upper case, spaces and all.
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let (part, behind) = quoted_part(rest).unwrap_or_else(|| match rest.split_once('.') {
                Some((part, behind)) => (part.to_owned(), Some(behind)),
                None => (rest.to_owned(), None),
            });
            parts.push(part);
            match behind {
                Some(behind) => rest = behind,
                None => return Self(parts),
            }
        }
    }

    /// The last part.
    pub(crate) fn name(&self) -> &str {
        self.0.last().expect("a name has at least one part")
    }

    /// The part before the last, if there is one.
    pub(crate) fn schema(&self) -> Option<&str> {
        self.0.iter().nth_back(1).map(String::as_str)
    }

    /// As SQL has it: each part quoted.
    pub(crate) fn sql(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|part| quoted(part)).collect();
        parts.join(".")
    }

    /// What [`TableName::parse`] reads as this name.
    pub(crate) fn text(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|part| plain_or_quoted(part)).collect();
        parts.join(".")
    }
}

/// The quoted part at the beginning, and what is behind its dot; nothing if the text does not begin with one.
fn quoted_part(text: &str) -> Option<(String, Option<&str>)> {
    let mut rest = text.strip_prefix('"')?;
    let mut part = String::new();
    loop {
        let (before, behind) = rest.split_once('"')?;
        part.push_str(before);
        if let Some(behind) = behind.strip_prefix('"') {
            part.push('"');
            rest = behind;
        } else if behind.is_empty() {
            return Some((part, None));
        } else {
            return Some((part, Some(behind.strip_prefix('.')?)));
        }
    }
}

fn plain_or_quoted(part: &str) -> String {
    if part.is_empty() || part.contains(['.', '"']) {
        quoted(part)
    } else {
        part.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, parts: &[&str], written: &str) {
        let name = TableName::parse(text);
        assert_eq!(name.0, parts, "{text}");
        assert_eq!(name.text(), written);
        assert_eq!(TableName::parse(&name.text()), name, "{text}");
    }

    #[test]
    fn names_are_read_in_parts_and_written_back() {
        check("orders", &["orders"], "orders");
        check("app.Orders", &["app", "Orders"], "app.Orders");
        check("we ird.x", &["we ird", "x"], "we ird.x");
        check(
            r#""we ird"."tab""le""#,
            &["we ird", "tab\"le"],
            r#"we ird."tab""le""#,
        );
        check(r#""a.b".c"#, &["a.b", "c"], r#""a.b".c"#);
        check(r#"a."b.c""#, &["a", "b.c"], r#"a."b.c""#);
        check("db.s.t", &["db", "s", "t"], "db.s.t");
        check(r#""""#, &[""], r#""""#);
        check(r#""open"#, &["\"open"], r#""""open""#);
        check(r#""a"b"#, &["\"a\"b"], r#""""a""b""#);
        check("", &[""], r#""""#);
    }

    #[test]
    fn sql_quotes_each_part() {
        assert_eq!(TableName::parse(r#"s."a""b.c""#).sql(), r#""s"."a""b.c""#);
        let name = TableName::parse("db.s.t");
        assert_eq!((name.schema(), name.name()), (Some("s"), "t"));
        assert_eq!(TableName::parse("t").schema(), None);
    }
}
