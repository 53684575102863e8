//! Text that is well-formed by its construction: elements close themselves, and
//! whatever comes from a run passes through [`escape`].

/// A piece of HTML or SVG while it is written.
#[derive(Clone, Debug, Default)]
pub(super) struct Markup {
    text: String,
}

/// An element's attributes: name and value.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Markup {
    /// An element and what is in it.
    pub(super) fn element(
        &mut self,
        name: &'static str,
        attributes: Attributes<'_>,
        content: impl FnOnce(&mut Self),
    ) {
        self.open(name, attributes);
        self.text.push('>');
        content(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }

    /// An element that holds text only.
    pub(super) fn line(&mut self, name: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(name, attributes, |page| page.text(text));
    }

    /// An element that is empty: those that HTML closes itself, and those of SVG.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: Attributes<'_>) {
        self.open(name, attributes);
        self.text.push_str("/>");
    }

    /// Text, whatever it holds.
    pub(super) fn text(&mut self, text: &str) {
        escape(text, &mut self.text);
    }

    /// The style sheet, which is ours and holds nothing from a run.
    pub(super) fn style(&mut self, sheet: &'static str) {
        self.text.push_str("<style>");
        self.text.push_str(sheet);
        self.text.push_str("</style>");
    }

    /// What the file begins with, so that browsers read it by the standard.
    pub(super) fn doctype(&mut self) {
        self.text.push_str("<!DOCTYPE html>\n");
    }

    /// A new line in the source.
    pub(super) fn newline(&mut self) {
        self.text.push('\n');
    }

    /// What was written.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(value, &mut self.text);
            self.text.push('"');
        }
    }
}

/// Characters that mean something in markup are named; those that must not be
/// there are shown as the replacement character.
fn escape(text: &str, into: &mut String) {
    for character in text.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            '\n' | '\t' => into.push(character),
            '\r' => {}
            other if is_hidden(other) => into.push('\u{fffd}'),
            other => into.push(other),
        }
    }
}

/// Control characters and noncharacters, which no document may hold, and those
/// that turn the order of what follows around to make it look like other text.
fn is_hidden(character: char) -> bool {
    matches!(character, '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_nest_and_text_is_escaped() {
        let mut page = Markup::default();
        page.element("p", &[("title", "a \"b\" & c")], |page| {
            page.text("1 < 2\r\n\u{7}\u{202e}x");
            page.leaf("br", &[]);
            page.line("b", &[], "</b><script>");
        });
        assert_eq!(
            page.into_text(),
            "<p title=\"a &quot;b&quot; &amp; c\">1 &lt; 2\n\u{fffd}\u{fffd}x<br/>\
             <b>&lt;/b&gt;&lt;script&gt;</b></p>"
        );
    }
}
