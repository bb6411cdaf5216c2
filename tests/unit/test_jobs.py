"""Background jobs: each in one thread, until they are told to end; and once more after that."""

from promapp_lite.ops.jobs import Jobs


def test_it_works():
    """A second start changes nothing; stop waits until each has ended."""
    told = []

    def job(ended):
        told.append("begun")
        ended.wait()
        told.append("ended")

    jobs = Jobs([job, job])
    jobs.stop()  # nothing runs yet
    for _ in range(2):
        jobs.start()
        jobs.start()
        jobs.stop()
    assert sorted(told) == ["begun"] * 4 + ["ended"] * 4
