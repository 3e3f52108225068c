//! How the modules get to where they run, and what becomes of the traffic meanwhile.

mod chart;
mod discovery;
mod failure;
mod images;
mod manifests;
mod observability;
