"""Contract suites and data whose right answer is known, for the parts you add.

A suite is a class whose tests hold for every part of a kind: ``generators.CandidateGeneratorContract``,
``rankers.RankerContract``, ``sources.SourceContract``. Subclass it beside your own tests and give it your part.
Only tests import this folder.
"""
