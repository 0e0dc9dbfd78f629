//! Lines on a terminal of a known size.

use super::*;
use indicatif::TermLike;
use segue_app::work::SliceCounts;
use std::io;

/// A terminal that remembers what stands on it.
#[derive(Clone, Debug)]
struct Screen {
    width: usize,
    height: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn of(width: usize, height: usize) -> Screen {
        Screen {
            width,
            height,
            state: Arc::default(),
        }
    }

    fn lines(&self) -> Lines {
        // Every draw is shown: there is nobody to be spared.
        Lines::on(ProgressDrawTarget::term_like_with_hz(Box::new(self.clone()), 255))
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let done = change(&mut state);
        let row = state.row;
        if state.rows.len() <= row {
            state.rows.resize(row + 1, Vec::new());
        }
        done
    }

    fn put(&self, text: &str) {
        for c in text.chars() {
            self.with(|s| match c {
                '\r' => s.column = 0,
                '\n' => (s.row, s.column) = (s.row + 1, 0),
                _ => {
                    // A full row goes on in the next one only when something follows.
                    if s.column == self.width {
                        (s.row, s.column) = (s.row + 1, 0);
                    }
                    if s.rows.len() <= s.row {
                        s.rows.resize(s.row + 1, Vec::new());
                    }
                    let (row, column) = (s.row, s.column);
                    let row = &mut s.rows[row];
                    if row.len() <= column {
                        row.resize(column + 1, ' ');
                    }
                    row[column] = c;
                    s.column += 1;
                }
            });
        }
    }

    /// What stands there, without the marks that turn and the time.
    fn text(&self) -> String {
        self.with(|s| {
            let rows = s.rows.iter().map(|row| {
                let row: String = row.iter().collect();
                row.trim_end().replace(|c| ('\u{2800}'..='\u{28ff}').contains(&c), "*")
            });
            rows.collect::<Vec<_>>().join("\n").trim_end().to_string()
        })
    }
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.width as u16
    }

    fn height(&self) -> u16 {
        self.height as u16
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.with(|s| s.row = s.row.saturating_sub(n));
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.with(|s| s.row += n);
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.with(|s| s.column += n);
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.with(|s| s.column = s.column.saturating_sub(n));
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.put(text);
        self.put("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.put(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.with(|s| {
            s.column = 0;
            let row = s.row;
            if let Some(row) = s.rows.get_mut(row) {
                row.clear();
            }
        });
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn name(text: &str) -> AssetName {
    text.parse().unwrap()
}

fn started(text: &str) -> Event {
    Event::Started {
        name: name(text),
        attempt: 1,
    }
}

fn moved(text: &str) -> Event {
    let figures = Figures {
        rows_in: Some(1234),
        calls: Some(12),
        slices: SliceCounts {
            listed: 356,
            done: 120,
            parked: 3,
            ..SliceCounts::default()
        },
        ..Figures::default()
    };
    Event::Moved {
        name: name(text),
        figures,
    }
}

fn ended(text: &str) -> Event {
    Event::Ended {
        name: name(text),
        word: "done",
        figures: Figures::default(),
    }
}

#[test]
fn each_step_has_a_line_while_it_runs_and_none_after() {
    let screen = Screen::of(80, 24);
    let lines = screen.lines();
    lines.tell(started("raw.artists"));
    lines.tell(started("raw.top_tracks"));
    lines.tell(Event::ToDo {
        name: name("raw.artists"),
        parts: 12,
        listed: 356,
    });
    lines.tell(moved("raw.top_tracks"));
    insta::assert_snapshot!(screen.text(), @r"
    *   0s raw.artists                   12 of 356 to do
    *   0s raw.top_tracks                120/356 slices  1234 rows  12 calls  3 park
    ");
    lines.tell(ended("raw.artists"));
    assert!(screen.text().contains("raw.top_tracks") && !screen.text().contains("raw.artists"));
    lines.tell(ended("raw.top_tracks"));
    assert_eq!(screen.text(), "");
}

#[test]
fn what_waits_says_for_what_and_what_is_tried_again_how_often() {
    let screen = Screen::of(80, 24);
    let lines = screen.lines();
    lines.tell(Event::Started {
        name: name("raw.a"),
        attempt: 2,
    });
    assert!(screen.text().ends_with("try 2"), "{}", screen.text());
    lines.tell(Event::Waiting {
        name: name("raw.a"),
        reason: "asked too often".into(),
        until: None,
    });
    assert!(screen.text().ends_with("waiting: asked too often"), "{}", screen.text());
}

#[test]
fn a_narrow_terminal_and_a_long_name_never_make_two_lines_of_one() {
    let long = "raw.the_name_of_an_asset_that_somebody_thought_long_about";
    for width in [1, 8, 20, 40] {
        let screen = Screen::of(width, 24);
        let lines = screen.lines();
        lines.tell(started(long));
        lines.tell(moved(long));
        lines.tell(started("raw.b"));
        lines.tell(moved("raw.b"));
        if width >= 8 {
            assert_eq!(screen.text().lines().count(), 2, "at {width}:\n{}", screen.text());
        }
        if width == 40 {
            insta::assert_snapshot!(screen.text(), @r"
            *   0s raw.the_name_of_an_asset_that_som
            *   0s raw.b                         120
            ");
        }
        lines.tell(ended(long));
        lines.tell(ended("raw.b"));
        assert_eq!(screen.text(), "", "at {width}");
    }
}

#[test]
fn more_steps_than_the_terminal_has_lines_leave_nothing_behind() {
    let screen = Screen::of(60, 5);
    let lines = screen.lines();
    let names: Vec<String> = (0..12).map(|n| format!("raw.t{n}")).collect();
    for name in &names {
        lines.tell(started(name));
        lines.tell(moved(name));
    }
    assert_eq!(screen.text().lines().count(), 5, "{}", screen.text());
    for name in &names {
        lines.tell(ended(name));
    }
    assert_eq!(screen.text(), "");
}
