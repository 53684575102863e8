package gauntlet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"connectrpc.com/connect"

	gauntletv1 "gauntlet/client/gen/gauntlet/v1"
)

// longestSource is that of a file that the control plane keeps, in bytes.
const longestSource = 256 << 10

// DefaultProject is the project of who names none.
const DefaultProject = "default"

// StartOptions say what to run.
type StartOptions struct {
	// YAML is a template file's text; it is stored as the newest version first.
	// Either this or Template.
	YAML string
	// Template is the name of a stored template, or the name for one whose YAML
	// does not say it.
	Template string
	// Version is the stored template's; 0 for the newest.
	Version int32
	// Project is that of the file, or DefaultProject, when empty.
	Project string
	// Name is the run's, unique in the project; made from the template's when empty.
	Name string
	// Labels are free key-value pairs of the run.
	Labels map[string]string
	// Acknowledge holds codes of severe findings that are accepted.
	Acknowledge []string
	// AcknowledgeAll accepts whatever severe findings there are.
	AcknowledgeAll bool
}

// Started is a run on its way.
type Started struct {
	// Run is in status STARTING.
	Run *gauntletv1.Run
	// Findings are what the check before the start found, the worst first.
	Findings []*gauntletv1.PreflightFinding
}

// TemplateError is a template file that cannot be used: what is wrong with it
// and where.
type TemplateError struct {
	// Faults are in the order of the text.
	Faults  []*gauntletv1.TemplateFault
	refusal *Error
}

// Error gives the faults, a line each.
func (e *TemplateError) Error() string { return e.refusal.Error() }

// Unwrap gives the [*Error].
func (e *TemplateError) Unwrap() error { return e.refusal }

// FindingsError is a run that was not started: what was found must be mended or,
// if it is severe, acknowledged.
type FindingsError struct {
	// Findings are the severe and blocking ones that keep the run from starting.
	Findings []*gauntletv1.PreflightFinding
	refusal  *Error
}

// Error gives the findings, a line each.
func (e *FindingsError) Error() string { return e.refusal.Error() }

// Unwrap gives the [*Error].
func (e *FindingsError) Unwrap() error { return e.refusal }

// StartRun starts a run of a template: of a stored one, or of a file's text,
// which is stored first. It fails with a [*TemplateError], or with a
// [*FindingsError] when the check before the start found what must be
// acknowledged; the run is then removed.
func (c *Client) StartRun(ctx context.Context, options StartOptions) (*Started, error) {
	template, err := c.chosen(ctx, options)
	if err != nil {
		return nil, err
	}
	created, err := c.Runs.CreateRun(ctx, connect.NewRequest(&gauntletv1.CreateRunRequest{
		RequestId:       rand.Text(),
		Project:         template.GetProject(),
		Template:        template.GetName(),
		TemplateVersion: template.GetVersion(),
		Name:            options.Name,
		Labels:          options.Labels,
	}))
	if err != nil {
		return nil, err
	}
	runID := created.Msg.GetRun().GetRunId()
	started, err := c.checkAndStart(ctx, runID, options)
	var explained *Error
	if errors.As(err, &explained) && explained.Kind == KindRefused {
		// Only a run that has not started can be removed: one whose start was
		// carried out stays. What becomes of this is no news to the caller.
		_, _ = c.Runs.DeleteRun(ctx, connect.NewRequest(&gauntletv1.DeleteRunRequest{RunId: runID}))
	}
	return started, err
}

func (c *Client) checkAndStart(ctx context.Context, runID string, options StartOptions) (*Started, error) {
	checked, err := c.Runs.PreflightRun(ctx, connect.NewRequest(&gauntletv1.PreflightRunRequest{RunId: runID}))
	if err != nil {
		return nil, err
	}
	findings := checked.Msg.GetFindings()
	codes, err := accepted(findings, options)
	if err != nil {
		return nil, err
	}
	request := &gauntletv1.StartRunRequest{RunId: runID, AcknowledgedFindings: codes}
	started, err := c.Runs.StartRun(ctx, connect.NewRequest(request))
	if err != nil {
		return nil, err
	}
	return &Started{Run: started.Msg.GetRun(), Findings: findings}, nil
}

// accepted gives the codes to start with, or what is not accepted as an error.
func accepted(findings []*gauntletv1.PreflightFinding, options StartOptions) ([]string, error) {
	var codes []string
	var held []*gauntletv1.PreflightFinding
	var blocked bool
	for _, finding := range findings {
		switch finding.GetSeverity() {
		case gauntletv1.Severity_SEVERITY_BLOCKING:
			blocked = true
			held = append(held, finding)
		case gauntletv1.Severity_SEVERITY_SEVERE:
			codes = append(codes, finding.GetCode())
			if !options.AcknowledgeAll && !slices.Contains(options.Acknowledge, finding.GetCode()) {
				held = append(held, finding)
			}
		}
	}
	if len(held) == 0 {
		return codes, nil
	}
	return nil, newFindingsError(held, blocked)
}

func newFindingsError(held []*gauntletv1.PreflightFinding, blocked bool) *FindingsError {
	var codes, lines []string
	for _, finding := range held {
		codes = append(codes, finding.GetCode())
		lines = append(lines, fmt.Sprintf("  %s: %s", finding.GetCode(), finding.GetMessage()))
	}
	advice := "mend it, or start with Acknowledge: " + strings.Join(codes, ", ")
	if blocked {
		advice = "mend it, then start again"
	}
	return &FindingsError{Findings: held, refusal: &Error{
		Kind:    KindRefused,
		Code:    connect.CodeFailedPrecondition,
		message: fmt.Sprintf("not started; %s:\n%s", advice, strings.Join(lines, "\n")),
	}}
}

// chosen stores the template, if its text is given; else names the stored one.
func (c *Client) chosen(ctx context.Context, options StartOptions) (*gauntletv1.Template, error) {
	if options.YAML == "" {
		if options.Template == "" {
			return nil, unusable("name a template, or give the text of one as YAML")
		}
		project := or(options.Project, DefaultProject)
		return &gauntletv1.Template{Project: project, Name: options.Template, Version: options.Version}, nil
	}
	answer, err := c.Templates.ParseTemplate(ctx, connect.NewRequest(&gauntletv1.ParseTemplateRequest{Text: options.YAML}))
	if err != nil {
		return nil, err
	}
	parsed := answer.Msg
	if len(parsed.GetFaults()) > 0 || parsed.GetSpec() == nil {
		return nil, newTemplateError(parsed.GetFaults())
	}
	wanted := &gauntletv1.Template{
		Project: or(options.Project, or(parsed.GetProject(), DefaultProject)),
		Name:    or(options.Template, parsed.GetName()),
		Spec:    parsed.GetSpec(),
	}
	if wanted.GetName() == "" {
		return nil, unusable(`the template file does not say its name; write it there, like "name: lookups"`)
	}
	// The control plane keeps the file of the template itself, not that of another one.
	isOwn := or(parsed.GetName(), wanted.GetName()) == wanted.GetName() &&
		or(parsed.GetProject(), wanted.GetProject()) == wanted.GetProject()
	if isOwn && len(options.YAML) <= longestSource {
		wanted.Source = options.YAML
	}
	return c.stored(ctx, wanted)
}

// stored makes the newest version of a template, or the first.
func (c *Client) stored(ctx context.Context, wanted *gauntletv1.Template) (*gauntletv1.Template, error) {
	updated, err := c.Templates.UpdateTemplate(ctx, connect.NewRequest(&gauntletv1.UpdateTemplateRequest{
		Project: wanted.GetProject(),
		Name:    wanted.GetName(),
		Spec:    wanted.GetSpec(),
		Source:  wanted.GetSource(),
	}))
	if err == nil {
		return updated.Msg.GetTemplate(), nil
	}
	if Explain(err).Code != connect.CodeNotFound {
		return nil, err
	}
	created, err := c.Templates.CreateTemplate(ctx, connect.NewRequest(&gauntletv1.CreateTemplateRequest{
		RequestId: rand.Text(),
		Project:   wanted.GetProject(),
		Name:      wanted.GetName(),
		Spec:      wanted.GetSpec(),
		Source:    wanted.GetSource(),
	}))
	if err != nil {
		return nil, err
	}
	return created.Msg.GetTemplate(), nil
}

func newTemplateError(faults []*gauntletv1.TemplateFault) *TemplateError {
	message := "the template cannot be used:"
	var wrong []Violation
	for _, fault := range faults {
		message += "\n  "
		if fault.GetLine() > 0 {
			message += fmt.Sprintf("line %d, column %d: ", fault.GetLine(), fault.GetColumn())
		}
		message += field(fault.GetField()) + fault.GetMessage()
		wrong = append(wrong, Violation{Field: fault.GetField(), Message: fault.GetMessage()})
	}
	refusal := &Error{Kind: KindRefused, Code: connect.CodeInvalidArgument, Violations: wrong, message: message}
	return &TemplateError{Faults: faults, refusal: refusal}
}

func unusable(message string) *Error {
	return &Error{Kind: KindRefused, Code: connect.CodeInvalidArgument, message: message}
}
