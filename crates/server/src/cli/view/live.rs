//! A table on the terminal that is written over while the run lives. The time
//! comes from the server: a viewer counts on from what it was told and never
//! guesses phases.

mod board;
mod render;
mod spark;

use std::{
    io::{Stderr, stderr},
    time::Instant,
};

use gauntlet_client::pb;

use super::{Look, View, screen::Screen, terminal::Terminal};
use crate::cli::failure::Failure;
use board::Board;

/// The view on a terminal. At the end nothing is left of it: the report follows.
pub struct Live {
    board: Board,
    /// When the run's newest state came.
    told: Option<Instant>,
    screen: Screen<Stderr>,
}

impl Live {
    /// Nothing is shown before the first state.
    pub fn new() -> Self {
        Self {
            board: Board::default(),
            told: None,
            screen: Screen::new(stderr()),
        }
    }

    fn draw(&mut self) {
        let Some(told) = self.told else { return };
        let now_us = self.board.run.server_time_us + told.elapsed().as_micros() as i64;
        let terminal = Terminal::of_stderr();
        let lines = render::lines(&self.board, now_us, terminal);
        self.screen.draw(lines, terminal.columns);
    }
}

impl View for Live {
    fn state(&mut self, run: &pb::Run) -> Result<(), Failure> {
        // A state without the snapshot of the template leaves that of the first.
        let mut run = run.clone();
        run.spec = run.spec.take().or_else(|| self.board.run.spec.take());
        self.board.run = run;
        self.told = Some(Instant::now());
        self.draw();
        Ok(())
    }

    fn point(&mut self, point: &pb::MetricsPoint) -> Result<(), Failure> {
        // It is drawn at the next tick: the points of the past come all at once.
        self.board.point(point);
        Ok(())
    }

    fn live(&mut self) {}

    fn tick(&mut self) {
        self.draw();
    }

    fn note(&mut self, text: &str) {
        self.screen
            .leave(&format!("{text}\n"), Terminal::of_stderr().columns);
        self.draw();
    }

    fn looks(&self) -> bool {
        true
    }

    fn look(&mut self, look: &Look) {
        if let Some(workers) = &look.workers {
            self.board.workers(workers);
        }
        if let Some(errors) = &look.errors {
            self.board.errors(errors);
        }
    }

    fn finish(&mut self) {
        self.screen.leave("", Terminal::of_stderr().columns);
        self.told = None;
    }
}
