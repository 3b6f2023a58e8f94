"""`make bench`: what a month costs here, beside what people would use instead and beside what the machine must spend.

Belongs here: whatever measures. The package never imports it. Everything that is compared runs in one call, side by
side and in alternating order, on the same files and the same server, and is reported as medians and ratios.

    plan.py            what is measured, from BENCH_… variables
    measure.py         seconds, CPU, memory and bytes of one piece of work, client and server apart
    server.py          the PostgreSQL server that all contenders share, with a fresh database for each
    worker.py          the process in which one contender does its work
    contenders/        ours, what people would use instead, and the floors
    months.py          one month, end to end, into empty tables
    growth.py          the same into tables that grow
    memory.py          peak memory of a small month and of a large one
    unchanged.py       a month that the source has not changed
    orchestration.py   what Dagster adds
    imports.py         what starting costs
    goals.py           what was promised, and whether it is kept
    report.py          Markdown, JSON and a chart
"""
