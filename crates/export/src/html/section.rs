//! The parts of the page, in the order in which a reader in a hurry wants them.

use super::markup::Markup;

pub(super) mod about;
pub(super) mod evidence;
pub(super) mod figures;
pub(super) mod head;
pub(super) mod search;
pub(super) mod table;
pub(super) mod verdicts;

/// A part of the page with its heading.
fn section(page: &mut Markup, id: &str, title: &str, content: impl FnOnce(&mut Markup)) {
    page.element("section", &[("id", id)], |page| {
        page.line("h2", &[], title);
        content(page);
    });
    page.newline();
}
