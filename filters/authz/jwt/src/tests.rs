mod foreign;
mod host;
mod strict;

use super::*;
