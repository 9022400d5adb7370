//! Events shown to people, or written as one JSON object a line.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::sync::mpsc;

use crate::event::{Event, Progress, size};
use crate::exit::Exit;

/// How often `--json` tells of progress.
const JSON_PROGRESS: Duration = Duration::from_secs(1);

/// Shows the events of one command.
pub struct Report {
    json: bool,
    bar: ProgressBar,
    told: Option<Instant>,
}

impl Report {
    /// Items and the end go to standard output. On a terminal, a bar goes to standard error.
    pub fn new(json: bool) -> Self {
        let bar = if !json && std::io::stderr().is_terminal() {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        } else {
            ProgressBar::hidden()
        };
        Self { json, bar, told: None }
    }

    /// Shows events until the command ends.
    pub async fn show(mut self, mut events: mpsc::Receiver<Event>) -> Exit {
        while let Some(event) = events.recv().await {
            if let Some(exit) = self.event(event) {
                return exit;
            }
        }
        Exit::Failed
    }

    fn event(&mut self, event: Event) -> Option<Exit> {
        let exit = match &event {
            Event::Progress(_) | Event::Item(_) => None,
            Event::Summary(summary) => Some(summary.exit()),
            Event::Failed { .. } => Some(Exit::Failed),
        };
        if exit.is_some() {
            self.bar.finish_and_clear();
        }
        match event {
            Event::Progress(progress) if self.json => {
                if self.told.is_none_or(|told| told.elapsed() >= JSON_PROGRESS) {
                    self.told = Some(Instant::now());
                    self.line(&Event::Progress(progress));
                }
            }
            event if self.json => self.line(&event),
            Event::Progress(progress) => self.advance(progress),
            Event::Item(item) => self
                .bar
                .suspend(|| say(&one_line(&format!("{:8}  {}: {}", item.verdict, item.what, item.why)))),
            Event::Summary(summary) => say(&summary.to_string()),
            Event::Failed { why } => eprintln!("overread: {why}"),
        }
        exit
    }

    fn line(&self, event: &Event) {
        match serde_json::to_string(event) {
            Ok(line) => say(&line),
            Err(error) => eprintln!("overread: {error}"),
        }
    }

    fn advance(&mut self, progress: Progress) {
        if self.told.is_none() {
            self.told = Some(Instant::now());
            self.bar.set_style(style(progress.total.is_some()));
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
        if let Some(total) = progress.total {
            self.bar.set_length(total);
        }
        self.bar.set_position(progress.done);
        self.bar.set_message(size(progress.bytes));
    }
}

fn style(bounded: bool) -> ProgressStyle {
    let template = match bounded {
        true => "{elapsed_precise} {wide_bar} {pos} of {len}, {msg}, {eta} left",
        false => "{elapsed_precise} {spinner} {pos}, {msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Names come from media and peers: what would steer a terminal is shown, not sent.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

/// A line on standard output. A reader that went away (`| head`) does not stop the command.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn control_characters_are_shown() {
        for (text, line) in [("a b", "a b"), ("é", "é"), ("a\nb", "a\\nb"), ("\x1b[2J", "\\u{1b}[2J")] {
            assert_eq!(one_line(text), line);
        }
    }
}
