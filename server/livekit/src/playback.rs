//! What an agent is told of its speech: for each segment once that it began to
//! be heard, and once that it ended, when it has really ended.
//!
//! A segment is one byte stream of the agent. It is played as one turn of the
//! session, and the session says when a turn is heard; this module keeps the
//! two together whatever gets lost between them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

/// A segment without news for this long has lost its end. Agents send faster
/// than real time, so an honest pause is much shorter.
const IDLE: Duration = Duration::from_secs(10);

/// After a clear the session tells the end of each turn within a hop. Agents
/// give up after 2 s and would count a later end twice.
const CLEARED_WITHIN: Duration = Duration::from_secs(1);

/// Segments that may wait; more is a runaway agent, whose further segments
/// end unheard.
const MOST: usize = 64;

/// Names a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment(pub(crate) u64);

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Output {
    /// Sound to be played: with its first piece a turn is opened.
    Sound { segment: Segment, content: Bytes },
    /// No more sound follows.
    End(Segment),
    /// Silence, at once.
    Interrupt,
    /// The agent is to be told that a segment is heard.
    Started,
    /// The agent is to be told that a segment is over.
    Finished { position: f64, interrupted: bool },
}

#[derive(Debug)]
struct State {
    id: Segment,
    /// When the agent last sent some of it; `None` once it is complete.
    input: Option<Instant>,
    /// Whether it had any sound.
    sound: bool,
    turn: Option<u64>,
    /// When it began to be heard.
    heard: Option<Instant>,
    /// Until when the session may tell how far it was heard.
    cleared: Option<Instant>,
    /// Position in seconds, and whether it was cut.
    done: Option<(f64, bool)>,
}

/// The segments of one agent, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Playback {
    segments: VecDeque<State>,
    last: u64,
    out: VecDeque<Output>,
}

impl Playback {
    /// A segment begins. One that is still open has lost its end.
    pub(crate) fn begin(&mut self, now: Instant) -> Segment {
        let open: Vec<_> = self.open().collect();
        for segment in open {
            self.end(segment);
        }
        self.last += 1;
        let id = Segment(self.last);
        let full = self.segments.len() >= MOST;
        self.segments.push_back(State {
            id,
            input: (!full).then_some(now),
            sound: false,
            turn: None,
            heard: None,
            cleared: None,
            done: full.then_some((0.0, true)),
        });
        id
    }

    /// Sound of a segment.
    pub(crate) fn sound(&mut self, now: Instant, segment: Segment, content: Bytes) {
        if let Some(state) = self.find(segment)
            && state.input.is_some()
            && !content.is_empty()
        {
            state.input = Some(now);
            state.sound = true;
            self.out.push_back(Output::Sound { segment, content });
        }
    }

    /// The agent has sent all of a segment.
    pub(crate) fn end(&mut self, segment: Segment) {
        let Some(state) = self.find(segment) else {
            return;
        };
        if state.input.take().is_none() {
            return;
        }
        if state.sound {
            self.out.push_back(Output::End(segment));
        } else {
            state.done = Some((0.0, false));
        }
        self.tell();
    }

    /// The agent wants silence.
    pub(crate) fn clear(&mut self, now: Instant) {
        let mut sound = false;
        for state in &mut self.segments {
            if state.done.is_some() {
                continue;
            }
            state.input = None;
            if state.sound {
                sound = true;
                state.cleared.get_or_insert(now + CLEARED_WITHIN);
            } else {
                state.done = Some((0.0, true));
            }
        }
        if sound {
            self.out.push_back(Output::Interrupt);
        }
        self.tell();
    }

    /// The agent is gone: silence, and nobody to tell.
    pub(crate) fn lost(&mut self) {
        if self.segments.iter().any(|s| s.sound && s.done.is_none()) {
            self.out.push_back(Output::Interrupt);
        }
        self.segments.clear();
    }

    /// A segment is played as this turn.
    pub(crate) fn opened(&mut self, segment: Segment, turn: u64) {
        if let Some(state) = self.find(segment) {
            state.turn = Some(turn);
        }
    }

    /// A segment cannot be played, or not to its end.
    pub(crate) fn refused(&mut self, segment: Segment) {
        if let Some(state) = self.find(segment) {
            state.input = None;
            if state.turn.is_none() {
                state.done.get_or_insert((0.0, true));
            } else {
                self.out.push_back(Output::End(segment));
            }
        }
        self.tell();
    }

    /// A turn began to be heard.
    pub(crate) fn turn_started(&mut self, now: Instant, turn: u64) {
        let state = self.segments.iter_mut().find(|s| s.turn == Some(turn));
        if let Some(state) = state
            && state.heard.is_none()
            && state.done.is_none()
        {
            state.heard = Some(now);
            self.out.push_back(Output::Started);
        }
    }

    /// A turn is over, of which this much was heard.
    pub(crate) fn turn_ended(&mut self, turn: u64, heard: Duration, interrupted: bool) {
        let state = self.segments.iter_mut().find(|s| s.turn == Some(turn));
        if let Some(state) = state {
            state.input = None;
            state.done.get_or_insert((heard.as_secs_f64(), interrupted));
        }
        self.tell();
    }

    /// The session is over: so is everything that waits.
    pub(crate) fn stopped(&mut self, now: Instant) {
        for state in &mut self.segments {
            state.input = None;
            state.done.get_or_insert((position(now, state), true));
        }
        self.tell();
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, now: Instant) {
        let silent: Vec<_> = self
            .segments
            .iter()
            .filter(|s| s.input.is_some_and(|last| last + IDLE <= now))
            .map(|s| s.id)
            .collect();
        for segment in silent {
            self.end(segment);
        }
        for state in &mut self.segments {
            if state.cleared.is_some_and(|until| until <= now) {
                state.done.get_or_insert((position(now, state), true));
            }
        }
        self.tell();
    }

    /// When [`Playback::advance`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let waiting = self.segments.iter().filter(|s| s.done.is_none());
        waiting
            .flat_map(|s| [s.input.map(|last| last + IDLE), s.cleared])
            .flatten()
            .min()
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    fn open(&self) -> impl Iterator<Item = Segment> {
        let open = self.segments.iter().filter(|s| s.input.is_some());
        open.map(|s| s.id)
    }

    fn find(&mut self, segment: Segment) -> Option<&mut State> {
        self.segments.iter_mut().find(|s| s.id == segment)
    }

    /// Tells of what is over, in order.
    fn tell(&mut self) {
        while let Some((position, interrupted)) = self.segments.front().and_then(|s| s.done) {
            self.segments.pop_front();
            self.out.push_back(Output::Finished {
                position,
                interrupted,
            });
        }
    }
}

/// How much was heard, where the session does not say.
fn position(now: Instant, state: &State) -> f64 {
    let heard = state.heard.map(|at| now.saturating_duration_since(at));
    heard.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const PIECE: Bytes = Bytes::from_static(&[0; 640]);

    fn drain(playback: &mut Playback) -> Vec<Output> {
        std::iter::from_fn(|| playback.poll()).collect()
    }

    fn finished(position: f64, interrupted: bool) -> Output {
        Output::Finished {
            position,
            interrupted,
        }
    }

    #[test]
    fn a_segment_is_heard_and_ends() {
        let now = Instant::now();
        let mut playback = Playback::default();
        let segment = playback.begin(now);
        playback.sound(now, segment, PIECE);
        playback.end(segment);
        assert!(matches!(
            drain(&mut playback)[..],
            [Output::Sound { .. }, Output::End(_)]
        ));
        playback.opened(segment, 7);
        playback.turn_started(now, 7);
        playback.turn_started(now, 7);
        playback.turn_ended(7, Duration::from_millis(1500), false);
        playback.turn_ended(7, Duration::from_millis(1500), false);
        assert_eq!(
            drain(&mut playback),
            [Output::Started, finished(1.5, false)]
        );
    }

    #[test]
    fn an_empty_segment_ends_in_its_place() {
        let now = Instant::now();
        let mut playback = Playback::default();
        let first = playback.begin(now);
        playback.sound(now, first, PIECE);
        playback.opened(first, 1);
        let empty = playback.begin(now);
        playback.end(empty);
        drain(&mut playback);
        playback.turn_ended(1, Duration::from_secs(1), false);
        assert_eq!(
            drain(&mut playback),
            [finished(1.0, false), finished(0.0, false)]
        );
    }

    #[test]
    fn a_lost_end_is_made_up_for() {
        let now = Instant::now();
        let mut playback = Playback::default();
        let first = playback.begin(now);
        playback.sound(now, first, PIECE);
        let second = playback.begin(now);
        assert!(drain(&mut playback).contains(&Output::End(first)));
        playback.sound(now, second, PIECE);
        assert_eq!(playback.poll_timeout(), Some(now + IDLE));
        playback.advance(now + IDLE);
        assert!(drain(&mut playback).contains(&Output::End(second)));
    }

    #[test]
    fn a_clear_cuts_all_segments_even_if_the_session_is_silent() {
        let now = Instant::now();
        let mut playback = Playback::default();
        let first = playback.begin(now);
        playback.sound(now, first, PIECE);
        playback.opened(first, 1);
        playback.turn_started(now, 1);
        let second = playback.begin(now);
        playback.sound(now, second, PIECE);
        drain(&mut playback);
        playback.clear(now);
        playback.sound(now, second, PIECE);
        assert_eq!(drain(&mut playback), [Output::Interrupt]);
        playback.advance(now + CLEARED_WITHIN);
        assert_eq!(
            drain(&mut playback),
            [finished(1.0, true), finished(0.0, true)]
        );
        assert_eq!(playback.poll_timeout(), None);
        playback.clear(now);
        assert_eq!(drain(&mut playback), []);
    }

    #[derive(Clone, Debug)]
    enum Act {
        Begin,
        Sound,
        End,
        Clear,
        Refuse,
        /// The session plays on: starts the oldest turn, or ends it.
        Play,
        /// Somebody else interrupts the session.
        Cut,
        Wait(u64),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            3 => Just(Act::Begin),
            4 => Just(Act::Sound),
            2 => Just(Act::End),
            1 => Just(Act::Clear),
            1 => Just(Act::Refuse),
            4 => Just(Act::Play),
            1 => Just(Act::Cut),
            2 => (0u64..12_000).prop_map(Act::Wait),
        ];
        proptest::collection::vec(act, 0..80)
    }

    /// A session that plays turns in order.
    #[derive(Default)]
    struct Session {
        turns: VecDeque<(u64, bool)>,
        opened: BTreeMap<Segment, u64>,
        last: u64,
    }

    impl Session {
        fn interrupt(&mut self, playback: &mut Playback) {
            for (turn, _) in self.turns.drain(..) {
                playback.turn_ended(turn, Duration::from_millis(10), true);
            }
        }
    }

    proptest! {
        /// Whatever happens, each segment ends exactly once and in order, and
        /// is told to have started at most once and before.
        #[test]
        fn every_segment_ends_exactly_once(acts in acts(), answers in any::<bool>()) {
            let mut now = Instant::now();
            let mut playback = Playback::default();
            let mut session = Session::default();
            let (mut begun, mut ended, mut started) = (0, 0, 0);
            let mut current = None;
            let end = [Act::End, Act::Clear, Act::Wait(20_000), Act::Wait(2_000)];
            for act in acts.into_iter().chain(end) {
                match act {
                    Act::Begin => {
                        current = Some(playback.begin(now));
                        begun += 1;
                    }
                    Act::Sound => if let Some(segment) = current {
                        playback.sound(now, segment, PIECE);
                    },
                    Act::End => if let Some(segment) = current {
                        playback.end(segment);
                    },
                    Act::Clear => playback.clear(now),
                    Act::Refuse => if let Some(segment) = current
                        && !session.opened.contains_key(&segment)
                    {
                        playback.refused(segment);
                    },
                    Act::Play => if let Some((turn, heard)) = session.turns.front_mut() {
                        if *heard {
                            playback.turn_ended(*turn, Duration::from_secs(1), false);
                            session.turns.pop_front();
                        } else {
                            *heard = true;
                            playback.turn_started(now, *turn);
                        }
                    },
                    Act::Cut => session.interrupt(&mut playback),
                    Act::Wait(ms) => {
                        now += Duration::from_millis(ms);
                        playback.advance(now);
                    }
                }
                while let Some(output) = playback.poll() {
                    match output {
                        Output::Sound { segment, .. } => {
                            session.opened.entry(segment).or_insert_with(|| {
                                session.last += 1;
                                session.turns.push_back((session.last, false));
                                playback.opened(segment, session.last);
                                session.last
                            });
                        }
                        Output::Interrupt if answers => session.interrupt(&mut playback),
                        // A session that never answers: the deadline does.
                        Output::Interrupt => session.turns.clear(),
                        Output::Started => {
                            started += 1;
                            prop_assert!(started <= begun);
                            prop_assert!(started >= 1);
                        }
                        Output::Finished { position, .. } => {
                            ended += 1;
                            prop_assert!(ended <= begun);
                            prop_assert!(position >= 0.0);
                        }
                        Output::End(_) => {}
                    }
                }
            }
            prop_assert_eq!(ended, begun);
            prop_assert!(playback.segments.is_empty());
            prop_assert_eq!(playback.poll_timeout(), None);
        }
    }
}
