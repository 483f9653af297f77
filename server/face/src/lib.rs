//! Face controls to pictures: presenters and idle life.
