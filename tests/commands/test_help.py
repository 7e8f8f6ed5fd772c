"""Help, completion and what is suggested for mistyped options."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import saddlepoint as sp
from kit.tiny import tiny
from saddlepoint import flags
from saddlepoint.cli import main
from saddlepoint.commands import COMMANDS
from saddlepoint.completion import script
from saddlepoint.description import Description, explain
from saddlepoint.errors import BadInput, did_you_mean_place
from saddlepoint.games.objectives import OBJECTIVES
from saddlepoint.options import COMMON, described, recipe_options, start_of
from saddlepoint.recipes import RECIPES
