"""`make bench`: what a month costs here, beside what people would use instead and beside what the machine must spend.

Belongs here: whatever measures. The package never imports it, and it imports nothing of the tests. Everything that is
compared runs in one call, side by side and in alternating order, on the same files and the same server, and is reported
as medians and ratios. ``docs/benchmarking.md`` is for people who call it. No room imports one below it in this list:

    rig/                    what every measurement stands on
        plan.py                 what is measured, from BENCH_… variables
        folder.py               where: taken, emptied before and after
        server.py               the PostgreSQL server that all contenders share, with a fresh database for each
        job.py                  what a worker process is asked to do
        worker.py               that process, and the pipe to it
        cost.py                 seconds, CPU, memory and bytes of one piece of work, client and server apart
        workshop.py             the plan, the server and published months, as measures take them
        dagster_processes.py    a code server, a webserver and a daemon, started and ended; the tests use them too
        dagster_ui.py           what is asked of that webserver
        machine.py              the machine and the versions that the figures belong to
    contenders/             ours, what people would use instead, and the floors
        contender.py            what each of them provides
        contend.py              running one and counting what it loaded
        ours.py                 taxi_assets
        staged_merge.py         the algorithm of the course's Postgres flow
        dlt_pipeline.py         dlt, with its fastest documented way into Postgres
        pandas_to_sql.py        pandas, as the course's first module does it
        floor_clean.py          one DuckDB statement, no checks
        floor_load.py           rows that are encoded already, into a bare table
    measures/               one module a section of the report
        months.py               one month, end to end, into empty tables
        growth.py               the same into tables that grow
        memory.py               peak memory of a small month and of a large one
        unchanged.py            a month that the source has not changed
        orchestration.py        what Dagster adds
        graph_calls.py          for it: the assets and checks as plain function calls
        plain_run.py            for it: work of a process without Dagster
        dagster_run.py          for it: the same work as a Dagster run
        imports.py              what starting costs
    report/                 from the figures to the report
        results.py              everything that one call measured
        goals.py                what was promised, and whether it is kept
        chart.py                the chart of the README
        report.py               Markdown and JSON
    choices.py              `python -m benchmarks.choices`: the project's settings beside their alternatives
    scale.py                `python -m benchmarks.scale`: how far a cluster goes, reckoned from what was measured
    __main__.py             `make bench`
"""
